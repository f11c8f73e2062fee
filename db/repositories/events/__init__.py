"""Events of leads, events as providers sent them, and the last known state of entities."""
