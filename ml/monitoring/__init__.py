"""Drift, performance over time, and performance that is estimated before labels come."""
