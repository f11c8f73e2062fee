"""Churn: who goes cold, told from what happened, and what warns of it."""
