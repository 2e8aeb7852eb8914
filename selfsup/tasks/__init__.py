"""The verbs: the order in which the other rooms run."""
