"""Events, raw and read, and the last known state of their entities."""
