"""Churn risk, for every task that asks for it."""
