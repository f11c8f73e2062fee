"""Leads that are due for another look."""
