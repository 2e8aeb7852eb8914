"""Trained networks at work on whole surveys: shard by shard, by any number of workers, killed and started again."""
