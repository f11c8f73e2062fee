"""Steps of a search for hyperparameters."""
