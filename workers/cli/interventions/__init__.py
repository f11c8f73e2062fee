"""`hearth interventions` and `report`."""
