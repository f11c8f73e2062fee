"""The fault suite: real workers, broker and PostgreSQL, killed, frozen, cut off and filled up, and then accounted for."""
