"""Run a periodic task once in each slot of time, however many beats there are, late, early or restarted."""

from __future__ import annotations

from db.repositories.jobs import schedule_locks
from db.session import EVERY_TENANT, transaction


def is_due(schedule: str, seconds: int) -> bool:
    """Claim the slot that the time of the database falls into; return False when it was claimed before."""
    with transaction(EVERY_TENANT) as session:
        return schedule_locks.claim(session, schedule=schedule, seconds=seconds) is not None
