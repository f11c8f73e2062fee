"""Imports of files: chunks, leases, reconciliation."""
