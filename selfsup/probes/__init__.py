"""Frozen embeddings become scores."""
