"""Join what happened to leads with the snapshot that was scored before it: each becomes a signal, once.

A signal that is stored is learnt: the message that asks for it is written in the same transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.records import MaturedSignal, ScoredSnapshot, SignalDraft
from db.repositories.online import scored_snapshots, signals
from db.repositories.online.scored_snapshots import Question
from db.repositories.sql import in_batches
from db.session import Session
from domain.targets import MEANINGS, SignalOrigin, Target
from tasks.runtime.context import TaskContext
from tasks.services.online.meanings import Event, answers

#: how much later than it happened something may be told and still be in time for its label
GRACE = timedelta(hours=1)
#: leads whose labels of churn one message has read again
AT_ONCE = 500
_LONGEST = max(meaning.horizon for meaning in MEANINGS.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer of one event to one target's question."""

    lead_id: str
    target: Target
    label: bool
    at: datetime


def join(session: Session, context: TaskContext, happened: Iterable[tuple[str, Event]]) -> int:
    """Store what events (each with its lead) say of the snapshots scored before them; return the number of signals.

    What is told more than an hour late may contradict labels that stand because nothing had been told: those get a
    revision.
    """
    told = list(happened)
    if not told:
        return 0
    drafts = joined(session, context.tenant_id, answered(told))
    late = [(lead_id, event) for lead_id, event in told if event.occurred_at < context.now - GRACE]
    if late:
        drafts += _contradictions(session, context, late)
    return store(session, context, drafts)


def answered(happened: Iterable[tuple[str, Event]]) -> list[Answer]:
    """Return what events answer, in their order."""
    return [
        Answer(lead_id=lead_id, target=target, label=label, at=event.occurred_at)
        for lead_id, event in happened
        for target, label in answers(event).items()
    ]


def joined(session: Session, tenant_id: str, told: Sequence[Answer]) -> list[SignalDraft]:
    """Return a label for each answer whose lead was scored within the horizon before it."""
    if not told:
        return []
    questions = [
        Question(lead_id=answer.lead_id, kind=MEANINGS[answer.target].scored_by, before=answer.at) for answer in told
    ]
    found = scored_snapshots.newest_before(session, tenant_id, questions=questions)
    return [
        draft_of(answer.target, snapshot, label=answer.label, origin="outcome", at=answer.at)
        for answer, snapshot in zip(told, found, strict=True)
        if snapshot is not None and snapshot.as_of >= answer.at - MEANINGS[answer.target].horizon
    ]


def store(session: Session, context: TaskContext, drafts: Sequence[SignalDraft]) -> int:
    """Store labels, each once, and have the new ones learnt; return their number."""
    added = signals.add(session, context.tenant_id, drafts=drafts, now=context.now)
    for target in dict.fromkeys(target for target, _ in added):
        context.enqueue("hearth.online.learn", tenant_id=context.tenant_id, target=target)
    return len(added)


def draft_of(
    target: Target, snapshot: ScoredSnapshot, *, label: bool, origin: SignalOrigin, at: datetime
) -> SignalDraft:
    """Return the label of a snapshot, with the score of then."""
    return SignalDraft(
        target=target,
        lead_id=snapshot.lead_id,
        snapshot_id=snapshot.snapshot_id,
        label=label,
        origin=origin,
        occurred_at=at,
        as_of=snapshot.as_of,
        served_probability=snapshot.probability,
        served_version=snapshot.model_version,
    )


def _contradictions(session: Session, context: TaskContext, late: Sequence[tuple[str, Event]]) -> list[SignalDraft]:
    """Return the labels of horizons that had passed in which something happened; have those of churn read again."""
    of_leads: dict[str, list[Event]] = defaultdict(list)
    for lead_id, event in late:
        of_leads[lead_id].append(event)
    since = min(event.occurred_at for _, event in late) - _LONGEST
    standing = scored_snapshots.matured(session, context.tenant_id, lead_ids=sorted(of_leads), since=since)
    within = [
        (signal, event)
        for signal in standing
        for event in of_leads[signal.snapshot.lead_id]
        if _is_within(signal, event)
    ]
    churned = sorted({signal.snapshot.lead_id for signal, _ in within if signal.target == "churned"})
    for batch in in_batches(churned, AT_ONCE):
        context.enqueue("hearth.online.mature", tenant_id=context.tenant_id, lead_ids=batch)
    return [
        draft_of(signal.target, signal.snapshot, label=True, origin="outcome", at=event.occurred_at)
        for signal, event in within
        if answers(event).get(signal.target)
    ]


def _is_within(signal: MaturedSignal, event: Event) -> bool:
    as_of = signal.snapshot.as_of
    return as_of < event.occurred_at <= as_of + MEANINGS[signal.target].horizon
