"""CSV imports: their chunks, the leases on chunks, and reconciliation with the store."""
