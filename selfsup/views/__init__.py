"""Batches become augmented views, on the device."""
