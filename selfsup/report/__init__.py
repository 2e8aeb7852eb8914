"""Scores become tables and figures."""
