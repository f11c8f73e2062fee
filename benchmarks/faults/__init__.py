"""The fault suite: real workers, broker and PostgreSQL, killed, frozen, cut off, filled up, and accounted for."""
