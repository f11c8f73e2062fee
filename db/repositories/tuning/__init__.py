"""Searches for hyperparameters: their rows decide what is done and what is left."""
