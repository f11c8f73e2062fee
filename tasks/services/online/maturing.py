"""Label snapshots whose horizon has passed: what did not happen by then is a signal too.

For reply, booking and won, what happens makes a signal at once. What does not happen is looked for at moments of each
lead that lie one horizon apart, by a hash of its id, so that neither what happens nor how often it is scored decides
which of its snapshots is looked at. It is the newest scored one before the moment, if it is not older than a horizon.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32

from db.records import DueSnapshot, EventRecord, MaturityCursor, ScoredSnapshot, SignalDraft
from db.repositories.events import events
from db.repositories.online import scored_snapshots
from db.session import Session, lock_name
from domain.targets import MEANINGS, Target
from tasks.runtime.context import TaskContext
from tasks.services.online.churn_labels import churn_labels
from tasks.services.online.meanings import answers, is_gone
from tasks.services.online.signals import GRACE, answered, draft_of, joined, store

#: snapshots that one transaction looks at
CHUNK = 500
#: how far back labels of churn are read again when something was told late
LATE = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lookup:
    """The snapshots of a target whose horizon has passed and that were not looked at; no other worker does now."""

    target: Target
    after: MaturityCursor
    until: datetime

    @classmethod
    def of(cls, session: Session, context: TaskContext, target: Target) -> _Lookup:
        """Lock the target's order, and find where it is."""
        lock_name(session, f"mature:{context.tenant_id}:{target}")
        horizon = MEANINGS[target].horizon
        until = context.now - horizon - GRACE
        begin = MaturityCursor(as_of=until - horizon, snapshot_id="")
        after = scored_snapshots.cursor(session, context.tenant_id, target=target) or begin
        return cls(target=target, after=after, until=until)

    def due(self, session: Session, context: TaskContext, limit: int) -> list[DueSnapshot]:
        """Return the next of them, oldest first."""
        kind = MEANINGS[self.target].scored_by
        return scored_snapshots.due(
            session, context.tenant_id, kind=kind, after=self.after, until=self.until, limit=limit
        )


def mature(session: Session, context: TaskContext, target: Target, *, limit: int = CHUNK) -> tuple[int, bool]:
    """Label the next snapshots of a target whose horizon has passed; return the number of signals, and if more wait.

    It begins, for a tenant that it never looked at, with the snapshots of the horizon before.
    """
    meaning, lookup = MEANINGS[target], _Lookup.of(session, context, target)
    if lookup.after.as_of >= lookup.until:
        return 0, False
    found = lookup.due(session, context, limit)
    chosen = [each.scored for each in found if each.scored is not None and is_last_of_its_time(each, meaning.horizon)]
    stored = store(session, context, _labels(session, context, target, chosen))
    more = len(found) == limit
    place = found[-1].place if more else MaturityCursor(as_of=lookup.until, snapshot_id="")
    scored_snapshots.advance(session, context.tenant_id, target=target, to=place)
    return stored, more


def pass_over(session: Session, context: TaskContext, target: Target) -> None:
    """Leave the next snapshot of a target without a label: it cannot be read, and holds up those after it."""
    for snapshot in _Lookup.of(session, context, target).due(session, context, 1):
        scored_snapshots.advance(session, context.tenant_id, target=target, to=snapshot.place)


def read_churn_again(session: Session, context: TaskContext, lead_ids: Sequence[str]) -> int:
    """Label leads' snapshots of the last months anew whose label of churn stands; return the number of revisions."""
    standing = scored_snapshots.matured(session, context.tenant_id, lead_ids=lead_ids, since=context.now - LATE)
    churned = [signal.snapshot for signal in standing if signal.target == "churned"]
    return store(session, context, churn_labels(session, context, churned))


def is_last_of_its_time(snapshot: DueSnapshot, horizon: timedelta) -> bool:
    """Return whether the lead was not scored again before its next moment."""
    if snapshot.next_at is None:
        return True
    return _time_of(snapshot.lead_id, snapshot.place.as_of, horizon) != _time_of(
        snapshot.lead_id, snapshot.next_at, horizon
    )


def _time_of(lead_id: str, at: datetime, horizon: timedelta) -> int:
    """Return the number of the span between two moments of a lead that a time lies in."""
    return int(at.timestamp() / horizon.total_seconds() + crc32(lead_id.encode()) / 2**32)


def _labels(
    session: Session, context: TaskContext, target: Target, chosen: Sequence[ScoredSnapshot]
) -> list[SignalDraft]:
    if not chosen:
        return []
    if target == "churned":
        return churn_labels(session, context, chosen)
    horizon = MEANINGS[target].horizon
    happened = _happened(session, context.tenant_id, chosen, horizon)
    quiet = [
        draft_of(target, snapshot, label=False, origin="matured", at=snapshot.as_of + horizon)
        for snapshot in chosen
        if not any(target in answers(event) or is_gone(event) for event in happened[snapshot.snapshot_id])
    ]
    # what came from a file was not joined when it was read
    told = [(event.lead_id, event) for found in happened.values() for event in found]
    return joined(session, context.tenant_id, [answer for answer in answered(told) if answer.target == target]) + quiet


def _happened(
    session: Session, tenant_id: str, chosen: Sequence[ScoredSnapshot], horizon: timedelta
) -> dict[str, list[EventRecord]]:
    """Return the events within the horizon after each snapshot."""
    of_leads = events.for_leads(session, tenant_id, lead_ids=sorted({snapshot.lead_id for snapshot in chosen}))
    within: dict[str, list[EventRecord]] = defaultdict(list)
    for snapshot in chosen:
        within[snapshot.snapshot_id] = [
            event
            for event in of_leads[snapshot.lead_id]
            if snapshot.as_of < event.occurred_at <= snapshot.as_of + horizon
        ]
    return within
