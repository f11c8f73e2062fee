"""Checkpoints: write down what learners know, every half minute or some thousand signals, and when they are closed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from db.errors import DatabaseUnavailable
from db.records import CheckpointDraft
from db.repositories.online import checkpoints, heads
from db.session import transaction
from tasks.services.online import learner_states
from tasks.services.online.open_learners import OpenLearner, bound

log = structlog.get_logger(__name__)

#: seconds, and numbers of signals, after which a learner that learnt something is written down
EVERY, SIGNALS = 30.0, 2_000


def save_if_due(learner: OpenLearner | None) -> None:
    """Write a checkpoint of a learner that learnt something since its last one, where that is long ago."""
    if learner is None or not learner.unsaved:
        return
    if learner.unsaved >= SIGNALS or time.monotonic() - learner.saved_at >= EVERY:
        save(learner)


def save(learner: OpenLearner | None) -> bool:
    """Write a checkpoint of a learner in a transaction of its own; return whether it is the newest now.

    It is not where the learner is to be built anew, or where another process is further.
    """
    if learner is None or not learner.unsaved:
        return False
    state, report = learner_states.dump(learner)
    draft = CheckpointDraft(
        target=learner.target, generation=learner.generation, cursor=learner.cursor, state=state, report=report
    )
    with transaction(learner.tenant_id) as session:
        head = heads.get(session, learner.tenant_id, target=learner.target, lock=True)
        if head is None or head.generation != learner.generation or head.rebuild_at is not None:
            bound().drop(learner.tenant_id, learner.target)
            return False
        is_newest = learner.replaces or learner.cursor > (head.checkpoint_cursor or 0)
        if is_newest:
            checkpoints.drop_from(session, learner.tenant_id, target=learner.target, cursor=learner.cursor)
            checkpoints.add(session, learner.tenant_id, draft=draft, now=datetime.now(UTC))
    learner.replaces = False
    learner.mark_saved()
    return is_newest


def close(learners: Sequence[OpenLearner]) -> None:
    """Write down learners that are not held open any more; what cannot be written now is learnt again later."""
    for learner in learners:
        try:
            save(learner)
        except DatabaseUnavailable:
            log.warning("online_checkpoint_not_written", target=learner.target)
