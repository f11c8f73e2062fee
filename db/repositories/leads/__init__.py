"""Leads: found, merged, written, read back opened."""
