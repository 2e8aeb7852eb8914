"""Images become embeddings."""
