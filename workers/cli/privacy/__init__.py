"""`hearth privacy`."""
