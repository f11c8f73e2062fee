"""Apply stored signals to a learner in memory, in their order: what is next, what it was served with, what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from db.records import HeadRecord, ServedScore, SignalRecord, SignalScoreRecord
from db.repositories.online import heads, signal_scores, signals
from db.session import Session, reading
from domain.targets import Target
from tasks.services.online import learner_states, saving
from tasks.services.online.names import kind_of
from tasks.services.online.open_learners import OpenLearner, bound

#: signals that are read and learnt in one go
CHUNK = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class NextSignals:
    """What a look at the database found to be learnt next."""

    #: None: there is none; where there are signals, the first of them has just come
    head: HeadRecord | None
    #: None: there is none that may go on
    learner: OpenLearner | None
    signals: Sequence[SignalRecord]
    #: number of a signal -> by what served score it was learnt before; None: by none
    before: Mapping[int, ServedScore | None]
    #: snapshot -> the score that it was served with
    served: Mapping[str, ServedScore]

    def begins(self) -> bool:
        """Return whether no learner may go on, and there is something to begin with."""
        return self.learner is None and (self.head is not None or bool(self.signals))

    def up_to_date(self, cursor: int) -> bool:
        """Return whether the head is where it was at the look: what another wrote since may have been served else."""
        return self.head is not None and self.head.cursor == cursor

    def known(self) -> bool:
        """Return whether these were learnt and written before, and are only learnt again."""
        return self.head is not None and bool(self.signals) and self.signals[-1].seq <= self.head.cursor


def look(tenant_id: str, target: Target) -> NextSignals:
    """Return the next signals, from the learner's own cursor: those that were written before first, and alone."""
    with reading(tenant_id) as session:
        head = heads.get(session, tenant_id, target=target)
        learner = None if head is None else opened(session, tenant_id, head)
        if head is None or learner is None:
            found = signals.after(session, tenant_id, target=target, cursor=0, limit=1)
            return NextSignals(head=head, learner=None, signals=found, before={}, served={})
        found = signals.after(session, tenant_id, target=target, cursor=learner.cursor, limit=CHUNK)
        next_signals = [signal for signal in found if signal.seq <= head.cursor] or found
        # scores are written with the cursor: a first generation has none beyond it
        may_be_written = head.generation > 1 or learner.cursor < head.cursor
        before, served = _served(session, learner, next_signals, may_be_written=may_be_written)
    saving.close(bound().keep(learner))
    return NextSignals(head=head, learner=learner, signals=next_signals, before=before, served=served)


def opened(session: Session, tenant_id: str, head: HeadRecord) -> OpenLearner | None:
    """Return the learner of a head, open in this process; None where it is to be built anew first."""
    if head.rebuild_at is not None:
        bound().drop(tenant_id, head.target)
        return None
    learner = bound().get(tenant_id, head.target)
    if learner is None or learner.generation != head.generation:
        learner = learner_states.open_learner(session, tenant_id, head)
    return learner


def apply(found: NextSignals) -> list[SignalScoreRecord]:
    """Learn signals in memory; return the scores that they had before they were learnt."""
    learner = found.learner
    assert learner is not None
    try:
        return [_apply_one(learner, signal, _served_with(signal, found)) for signal in found.signals]
    except BaseException:  # it may have learnt a part of a signal
        bound().drop(learner.tenant_id, learner.target)
        raise


def relearn(session: Session, learner: OpenLearner, *, until: int) -> None:
    """Have a learner that is nobody's learn the signals up to a number again; nothing is written."""
    target = cast("Target", learner.target)
    while learner.cursor < until:
        found = signals.after(session, learner.tenant_id, target=target, cursor=learner.cursor, limit=CHUNK)
        known = [signal for signal in found if signal.seq <= until]
        if not known:
            return
        before, served = _served(session, learner, known, may_be_written=True)
        apply(NextSignals(head=None, learner=learner, signals=known, before=before, served=served))


def _served(
    session: Session, learner: OpenLearner, found: Sequence[SignalRecord], *, may_be_written: bool
) -> tuple[dict[int, ServedScore | None], dict[str, ServedScore]]:
    if not found:
        return {}, {}
    tenant_id, target, before = learner.tenant_id, learner.target, {}
    if may_be_written:
        first, last = found[0].seq, found[-1].seq
        before = signal_scores.served_of(session, tenant_id, target=target, first=first, last=last)
    fresh = [signal.snapshot_id for signal in found if signal.seq not in before]
    return before, signal_scores.first_served(session, tenant_id, kind=kind_of(target), snapshot_ids=fresh)


def _apply_one(learner: OpenLearner, signal: SignalRecord, served: ServedScore | None) -> SignalScoreRecord:
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


def _served_with(signal: SignalRecord, found: NextSignals) -> ServedScore | None:
    """Return the score by which a signal was learnt before, else that of its snapshot from before the outcome."""
    if signal.seq in found.before:
        return found.before[signal.seq]
    served = found.served.get(signal.snapshot_id)
    if served is None or served.computed_at is None or served.computed_at > signal.recorded_at:
        return None
    return served
