"""Snapshots, predictions, assessments, and what came of them."""
