"""`hearth train`, `models` and `evaluate`."""
