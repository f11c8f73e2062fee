"""The bookkeeping of tasks: outbox, idempotency keys, leases, attempts, quarantine."""
