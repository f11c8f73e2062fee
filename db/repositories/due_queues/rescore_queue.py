"""Which leads are to be scored again, and when; see `db.repositories.due_queues.due_queue`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from db.models import RescoreDue
from db.records import Taken
from db.repositories.due_queues.due_queue import DueQueue

#: seconds in which events score a lead once
WINDOW = 30.0
#: seconds after which leads that somebody took and did not settle are due again
LEASE = 120.0
_AGENDA = DueQueue(rows=RescoreDue, window=WINDOW, lease=LEASE)


def touch(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> None:
    """Something happened to these leads: due now, or when the window since their last score ends."""
    _AGENDA.touch(session, tenant_id, lead_ids)


def schedule(session: Session, tenant_id: str, *, due: Mapping[str, datetime]) -> None:
    """Score leads at some moment, or sooner where they are due sooner."""
    _AGENDA.schedule(session, tenant_id, due)


def due(session: Session) -> dict[str, int]:
    """Tell how many leads of which tenant are due."""
    return _AGENDA.due(session)


def claim(session: Session, tenant_id: str, *, limit: int) -> Taken:
    """Take leads that are due, longest due first; they are due again after `LEASE` unless `complete` says otherwise."""
    return _AGENDA.claim(session, tenant_id, limit)


def complete(session: Session, tenant_id: str, *, taken: Taken, due: Mapping[str, datetime | None]) -> None:
    """Say when leads that were taken are due next (None: not by themselves); those touched meanwhile stay due."""
    _AGENDA.complete(session, tenant_id, taken, due)
