"""`hearth train` and `models`."""
