"""What became of leads: outcomes label the past and are told to the learners."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from db.records import EventDraft
from db.repositories import events, leads, rescores, snapshots
from db.session import Session
from tasks.base import Answer, Work, effect
from tasks.contracts.outcomes import OutcomeItem, RecordOutcomes
from tasks.contracts.wire import digest
from tasks.errors import InvalidPayload

#: outcomes that close a lead: the label they give
LABELS: Mapping[str, bool] = {"won": True, "lost": False, "abandoned": False}
INBOUND = frozenset({"replied", "appointment_kept", "showing", "offer", "unsubscribed"})


@effect("hearth.outcomes.record", RecordOutcomes)
def record(session: Session, request: RecordOutcomes, work: Work) -> Answer:
    """Store each outcome once; won, lost and abandoned label the lead and every snapshot taken before.

    Leads of whom something new is told are scored within the tenant's window, as after an event.
    """
    counts = {"recorded": 0, "duplicates": 0, "labels_created": 0, "online_updates": 0}
    touched = set()
    for index, outcome in enumerate(request.outcomes):
        lead_id = _subject(session, request.tenant_id, outcome, index)
        new = events.add(session, request.tenant_id, lead_id=lead_id, drafts=[_event(outcome, lead_id, work.now)])
        counts["recorded" if new else "duplicates"] += 1
        touched |= {lead_id} if new else set()
        if new and outcome.type in LABELS:
            counts["labels_created"] += _label(session, request.tenant_id, lead_id, outcome)
    rescores.touch(session, request.tenant_id, lead_ids=sorted(touched))
    return Answer(data=counts)


def _subject(session: Session, tenant_id: str, outcome: OutcomeItem, index: int) -> str:
    subject = outcome.subject
    if subject.lead_id is not None:
        found = subject.lead_id if leads.exists(session, tenant_id, lead_id=subject.lead_id) else None
    else:
        found = leads.find(
            session, tenant_id, external_id=str(subject.external_id), source_system=subject.source_system
        )
    if found is None:
        raise InvalidPayload.at("unknown_lead", f"outcomes.{index}.subject", "no such lead of this tenant")
    return found


def _event(outcome: OutcomeItem, lead_id: str, now: datetime) -> EventDraft:
    given = {"type": outcome.type, "at": outcome.at, "lead": lead_id, "action": outcome.action_id}
    facts = {"action_id": outcome.action_id, "value": outcome.value}
    return EventDraft(
        kind=f"outcome.{outcome.type}",
        occurred_at=outcome.at,
        recorded_at=now,
        direction="inbound" if outcome.type in INBOUND else "outbound",
        facts={name: value for name, value in facts.items() if value is not None},
        source="outcome",
        source_id=outcome.outcome_id or digest(given),
    )


def _label(session: Session, tenant_id: str, lead_id: str, outcome: OutcomeItem) -> int:
    label = LABELS[outcome.type]
    changed = leads.set_label(
        session, tenant_id, lead_id=lead_id, label=label, label_at=outcome.at, status=outcome.type
    )
    snapshots.label(session, tenant_id, lead_id=lead_id, label=label, label_at=outcome.at)
    return int(changed)
