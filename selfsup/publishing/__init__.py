"""Trained encoders leave the house: as a folder of weights, as graphs for other programs, as a Python object."""
