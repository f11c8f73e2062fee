"""A periodic task fires once a slot, however many beats there are, late, early or restarted."""

from __future__ import annotations

from db.repositories.jobs import schedule_locks
from db.session import EVERY_TENANT, transaction


def is_due(schedule: str, seconds: int) -> bool:
    """Take the slot that the database's time falls into; False when it was taken before."""
    with transaction(EVERY_TENANT) as session:
        return schedule_locks.claim(session, schedule=schedule, seconds=seconds) is not None
