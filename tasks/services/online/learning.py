"""Learn a target's signals in their order, each once, by one owner at a time, and write down how far that is.

Learning is deterministic: any process that learns the stored signals in order from its own cursor has the same state.
So the state in memory may be lost at any moment, and only what is written needs an owner: under the target's lease and
the head's lock it writes scores and cursor in one transaction.

A few signals are learnt inside of that transaction, which is also the lease: another process waits at its row for
milliseconds. For many the owner takes the lease first and learns outside, so that no writer waits for it; a process
that finds the lease held leaves the work to its holder. The lease ends with the write, and the holder looks again after
it, so that it sees what came before anybody was sent away.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from db.records import LeaseRecord, SignalScoreRecord
from db.repositories.jobs import leases
from db.repositories.online import heads, signal_scores
from db.session import Session, transaction
from domain.targets import Target
from tasks.runtime.context import TaskContext
from tasks.services.online import applying, saving
from tasks.services.online.applying import NextSignals
from tasks.services.online.open_learners import OpenLearner, bound

#: signals up to which learning is a part of the transaction that writes them
FEW = 8
#: seconds that an owner has for one chunk of many before another may take over
LEASE = 15.0
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
        found = applying.look(context.tenant_id, target)
        if not found.signals and not found.begins():
            saving.save_if_due(found.learner)
            return Progress(state="learnt", applied=applied, learner=found.learner)
        if time.monotonic() > ends:
            saving.save(found.learner)
            return Progress(state="more", applied=applied, learner=found.learner)
        written = _advance(context, target, found)
        if written is None:
            return Progress(state="held", applied=applied, learner=found.learner)
        applied += written
        saving.save_if_due(found.learner)


def _advance(context: TaskContext, target: Target, found: NextSignals) -> int | None:
    """Learn what was found; return how many signals were written, None while another owner learns."""
    if found.learner is None:
        return _begin(context, target)
    if found.known():
        applying.apply(found)
        return 0
    try:
        with _forgetting(found.learner):
            return _few(context, found.learner, found) if len(found.signals) <= FEW else _many(context, found)
    except _Overtaken:
        return 0


def _begin(context: TaskContext, target: Target) -> int | None:
    """Make the head of the first signal, or begin the next generation; nothing is learnt yet."""
    with transaction(context.tenant_id) as session:
        if _acquire(session, context, target, seconds=0) is None:
            return None
        heads.open_head(session, context.tenant_id, target=target, now=context.now)
        head = heads.get(session, context.tenant_id, target=target, lock=True)
        if head is not None and head.rebuild_at is not None:
            heads.restart(session, context.tenant_id, target=target, now=context.now)
    return 0


def _few(context: TaskContext, learner: OpenLearner, found: NextSignals) -> int | None:
    """Own, learn and write in one transaction: the lease ends with it, and its lock keeps others waiting till then."""
    with transaction(context.tenant_id) as session:
        if _acquire(session, context, learner.target, seconds=0) is None:
            return None
        cursor = _lock(session, learner)
        if not found.up_to_date(cursor):
            return 0
        return _write(session, learner, applying.apply(found), cursor)


def _many(context: TaskContext, found: NextSignals) -> int | None:
    """Take the lease, learn outside of any transaction, and write under the lease's fence."""
    learner = found.learner
    assert learner is not None
    with transaction(context.tenant_id) as session:
        lease = _acquire(session, context, learner.target, seconds=LEASE)
        if lease is None:
            return None
        if not found.up_to_date(_lock(session, learner)):
            # the lease that this transaction took ends with it
            session.rollback()
            return 0
    records, name = applying.apply(found), LEASE_NAME.format(target=learner.target)
    with transaction(context.tenant_id) as session:
        leases.guard(session, context.tenant_id, name=name, fence=lease.fence)
        written = _write(session, learner, records, _lock(session, learner))
        leases.release(session, context.tenant_id, name=name, holder=context.task_id, fence=lease.fence)
    return written


@contextmanager
def _forgetting(learner: OpenLearner) -> Iterator[None]:
    """Forget a learner where what it learnt could not be written: it is learnt again."""
    try:
        yield
    except BaseException:
        bound().drop(learner.tenant_id, learner.target)
        raise


def _acquire(session: Session, context: TaskContext, target: str, *, seconds: float) -> LeaseRecord | None:
    name = LEASE_NAME.format(target=target)
    return leases.acquire(session, context.tenant_id, name=name, holder=context.task_id, seconds=seconds)


def _lock(session: Session, learner: OpenLearner) -> int:
    """Lock the head of a learner; return its cursor. Raises _Overtaken where it is to be built anew, or was."""
    head = heads.get(session, learner.tenant_id, target=learner.target, lock=True)
    if head is None or head.generation != learner.generation or head.rebuild_at is not None:
        raise _Overtaken
    return head.cursor


def _write(session: Session, learner: OpenLearner, records: Sequence[SignalScoreRecord], cursor: int) -> int:
    """Write scores and cursor; return how many scores are new. The head is locked, and at `cursor`."""
    new = [record for record in records if record.seq > cursor]
    signal_scores.add(session, learner.tenant_id, records=new)
    if learner.cursor > cursor:
        now = datetime.now(UTC)
        heads.advance(session, learner.tenant_id, target=learner.target, cursor=learner.cursor, now=now)
    return len(new)
