"""Learn a target's signals in their order, each once, by one owner at a time, and write down how far that is.

Learning is deterministic: any process that learns the stored signals in order from its own cursor has the same state.
So the state in memory may be lost at any moment, and only what is written needs an owner. It holds the lease of the
target while it learns signals that are new, and writes their scores and the head's cursor in one transaction, under
the lease's fence and the head's lock. A process that finds the lease held leaves the work to its holder, which looks
again after it has written; the lease ends with that write, so that whoever came before it was seen.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

from db.records import HeadRecord, LeaseRecord, ServedScore, SignalRecord, SignalScoreRecord
from db.repositories.jobs import leases
from db.repositories.online import heads, signal_scores, signals
from db.session import Session, reading, transaction
from domain.targets import Target
from tasks.runtime.context import TaskContext
from tasks.services.online import learner_states, saving
from tasks.services.online.names import kind_of
from tasks.services.online.open_learners import OpenLearner, bound

#: signals of one transaction, and seconds that its owner has for them before another may take over
CHUNK, LEASE = 100, 15.0
#: seconds after which a message leaves what is left of a long replay to the next
SLICE = 20.0
LEASE_NAME = "hearth.online.learn:{target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a learner is after a call."""

    #: learnt: it knows every signal; held: another worker learns; more: there is more than one call may do
    state: Literal["learnt", "held", "more"]
    #: signals that this call learnt and wrote
    applied: int
    #: None: there is no signal yet
    learner: OpenLearner | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What a look at the database found to be learnt next."""

    #: None: the first signal is there, and no head yet
    head: HeadRecord | None
    learner: OpenLearner | None
    signals: Sequence[SignalRecord]
    #: number of a signal -> by what served score it was learnt before; None: by none
    before: dict[int, ServedScore | None]
    #: snapshot -> the score that it was served with
    served: dict[str, ServedScore]

    def begins(self) -> bool:
        """Return whether there is no learner that may go on: the first signal is there, or it is to be built anew."""
        return self.learner is None and (self.head is not None or bool(self.signals))

    def known(self) -> bool:
        """Return whether these were learnt and written before, and are only learnt again."""
        return self.head is not None and bool(self.signals) and self.signals[-1].seq <= self.head.cursor


class _Overtaken(Exception):  # noqa: N818  # the name says the fact
    """The learner is to be built anew: what it learnt must not be written."""


def learn(context: TaskContext, target: Target) -> Progress:
    """Learn every signal of a target that is stored by now, and save a checkpoint where one is due.

    Raises:
        FenceLost: another worker took over.
        DatabaseUnavailable: what was not written is learnt again.

    """
    ends, applied = time.monotonic() + SLICE, 0
    while True:
        look = _look(context.tenant_id, target)
        if not look.signals and not look.begins():
            saving.save_if_due(look.learner)
            return Progress(state="learnt", applied=applied, learner=look.learner)
        if time.monotonic() > ends:
            saving.save(look.learner)
            return Progress(state="more", applied=applied, learner=look.learner)
        if look.learner is not None and look.known():
            _learn(look.learner, look)
            saving.save_if_due(look.learner)
            continue
        lease = _acquire(context, target)
        if lease is None:
            return Progress(state="held", applied=applied, learner=look.learner)
        applied += _own(context, target, look, lease)


def opened(session: Session, tenant_id: str, head: HeadRecord) -> OpenLearner | None:
    """Return the learner of a head, open in this process; None where it is to be built anew first."""
    if head.rebuild_at is not None:
        bound().drop(tenant_id, head.target)
        return None
    learner = bound().get(tenant_id, head.target)
    if learner is None or learner.generation != head.generation:
        learner = learner_states.open_learner(session, tenant_id, head)
    return learner


def relearn(session: Session, learner: OpenLearner, *, until: int) -> None:
    """Have a learner that is nobody's learn the signals up to a number again; nothing is written."""
    target = cast("Target", learner.target)
    while learner.cursor < until:
        found = signals.after(session, learner.tenant_id, target=target, cursor=learner.cursor, limit=CHUNK)
        known = [signal for signal in found if signal.seq <= until]
        if not known:
            return
        before, served = _served(session, learner.tenant_id, target, known)
        _learn(learner, _Look(head=None, learner=learner, signals=known, before=before, served=served))


def _look(tenant_id: str, target: Target) -> _Look:
    """Return the next signals, from the learner's own cursor: those that were written before first, and alone."""
    with reading(tenant_id) as session:
        head = heads.get(session, tenant_id, target=target)
        learner = None if head is None else opened(session, tenant_id, head)
        cursor = 0 if learner is None else learner.cursor
        found = signals.after(session, tenant_id, target=target, cursor=cursor, limit=1 if learner is None else CHUNK)
        known = [signal for signal in found if head is not None and signal.seq <= head.cursor]
        next_signals = known or found
        before, served = _served(session, tenant_id, target, next_signals)
    if learner is None:
        return _Look(head=head, learner=None, signals=found, before={}, served={})
    saving.close(bound().keep(learner))
    return _Look(head=head, learner=learner, signals=next_signals, before=before, served=served)


def _served(
    session: Session, tenant_id: str, target: Target, found: Sequence[SignalRecord]
) -> tuple[dict[int, ServedScore | None], dict[str, ServedScore]]:
    if not found:
        return {}, {}
    first, last = found[0].seq, found[-1].seq
    before = signal_scores.served_of(session, tenant_id, target=target, first=first, last=last)
    fresh = [signal.snapshot_id for signal in found if signal.seq not in before]
    served = signal_scores.first_served(session, tenant_id, kind=kind_of(target), snapshot_ids=fresh)
    return before, served


def _acquire(context: TaskContext, target: Target) -> LeaseRecord | None:
    with transaction(context.tenant_id) as session:
        name = LEASE_NAME.format(target=target)
        return leases.acquire(session, context.tenant_id, name=name, holder=context.task_id, seconds=LEASE)


def _own(context: TaskContext, target: Target, look: _Look, lease: LeaseRecord) -> int:
    """Learn signals and write them under the lease; return how many. What cannot be written is forgotten."""
    if look.learner is None:
        _begin(context, target, lease)
        return 0
    records = _learn(look.learner, look)
    try:
        _write(context, look.learner, records, lease)
    except _Overtaken:
        bound().drop(context.tenant_id, target)
        return 0
    except BaseException:
        bound().drop(context.tenant_id, target)
        raise
    return len(records)


def _begin(context: TaskContext, target: Target, lease: LeaseRecord) -> None:
    """Make the head of the first signal, or begin the next generation of a learner that is to be built anew."""
    with transaction(context.tenant_id) as session:
        _guard(session, context.tenant_id, target, lease)
        heads.open_head(session, context.tenant_id, target=target, now=context.now)
        head = heads.get(session, context.tenant_id, target=target, lock=True)
        if head is not None and head.rebuild_at is not None:
            heads.restart(session, context.tenant_id, target=target, now=context.now)
        _release(session, context, target, lease)


def _learn(learner: OpenLearner, look: _Look) -> list[SignalScoreRecord]:
    """Learn signals in memory; return the scores that they had before they were learnt."""
    try:
        return [_learn_one(learner, signal, _served_with(signal, look)) for signal in look.signals]
    except BaseException:  # it may have learnt a part of a signal
        bound().drop(learner.tenant_id, learner.target)
        raise


def _learn_one(learner: OpenLearner, signal: SignalRecord, served: ServedScore | None) -> SignalScoreRecord:
    experts = None if served is None else learner_states.in_order(served.experts)
    score = learner.model.learn(signal.features, signal.label, experts)
    learner.cursor = signal.seq
    return SignalScoreRecord(
        target=learner.target,
        seq=signal.seq,
        lead_id=signal.lead_id,
        snapshot_id=signal.snapshot_id,
        label=signal.label,
        generation=learner.generation,
        served_probability=None if served is None else served.probability,
        served=None if served is None else served.experts,
        probability=score.probability,
        confidence=score.confidence,
        learnt_at=datetime.now(UTC),
    )


def _served_with(signal: SignalRecord, look: _Look) -> ServedScore | None:
    """Return the score by which a signal was learnt before, else that of its snapshot from before the outcome."""
    if signal.seq in look.before:
        return look.before[signal.seq]
    served = look.served.get(signal.snapshot_id)
    if served is None or served.computed_at is None or served.computed_at > signal.recorded_at:
        return None
    return served


def _write(
    context: TaskContext, learner: OpenLearner, records: Sequence[SignalScoreRecord], lease: LeaseRecord
) -> None:
    """Write scores and cursor. Raises _Overtaken where the learner is to be built anew, or was meanwhile."""
    target = learner.target
    with transaction(context.tenant_id) as session:
        _guard(session, context.tenant_id, target, lease)
        head = heads.get(session, context.tenant_id, target=target, lock=True)
        if head is None or head.generation != learner.generation or head.rebuild_at is not None:
            raise _Overtaken
        new = [record for record in records if record.seq > head.cursor]
        signal_scores.add(session, context.tenant_id, records=new)
        if learner.cursor > head.cursor:
            heads.advance(session, context.tenant_id, target=target, cursor=learner.cursor, now=datetime.now(UTC))
        _release(session, context, target, lease)


def _guard(session: Session, tenant_id: str, target: str, lease: LeaseRecord) -> None:
    leases.guard(session, tenant_id, name=LEASE_NAME.format(target=target), fence=lease.fence)


def _release(session: Session, context: TaskContext, target: str, lease: LeaseRecord) -> None:
    name = LEASE_NAME.format(target=target)
    leases.release(session, context.tenant_id, name=name, holder=context.task_id, fence=lease.fence)
