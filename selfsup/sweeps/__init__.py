"""Many trainings: a process for each, whose death is its own; what is done stays done."""
