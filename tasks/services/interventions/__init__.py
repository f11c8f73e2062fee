"""Steps of planning, gating and experiments that several tasks share."""
