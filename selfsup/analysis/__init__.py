"""Embeddings and columns -> more columns: search, groups, maps, anomalies, what to ask next."""
