"""Explain stored predictions: compute them again, say what would change them, and find similar leads."""
