"""Steps on leads that several tasks share: profiles, snapshots, predictions, refusals."""
