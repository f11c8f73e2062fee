"""`hearth demo`, `up` and `migrate`."""
