"""Give new snapshots their online scores: rows of their own beside those of the models, never instead of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from db.records import HeadRecord, PredictionDraft, SnapshotRecord
from db.repositories.online import heads, signal_scores, signals
from db.repositories.predictions import snapshots
from db.session import Session, reading
from domain.targets import TARGETS, Target
from tasks.runtime.context import TaskContext
from tasks.services.leads.predictions import save_predictions
from tasks.services.online import applying, learner_states, learning, saving
from tasks.services.online.names import kind_of, version_of
from tasks.services.online.open_learners import OpenLearner, bound

#: snapshots of one transaction, and seconds after which the rest is left to another message: outcomes that come
#: meanwhile wait in the queue. Half a second made the slowest of twenty outcomes wait .19 s instead of .06
CHUNK, SLICE = 4, 0.02
#: how old a snapshot may be that was never looked at, where a learner is new
NEW = timedelta(days=1)


def score_new(context: TaskContext) -> tuple[int, bool]:
    """Score the tenant's new snapshots for each target that has learnt something.

    Returns how many scores were stored, and whether there are more than one call may do. A learner that has not learnt
    every signal yet is left out: its scores would be worth less than those it gave before.
    """
    ends, stored = time.monotonic() + SLICE, 0
    with reading(context.tenant_id) as session:
        found = {head.target for head in heads.of_tenant(session, context.tenant_id)}
    known = [target for target in TARGETS if target in found]
    for target in known:
        while True:
            if time.monotonic() > ends:
                return stored, True
            # an outcome waits for a few scores at most
            for each in known:
                learning.learn(context, each)
            number = _score_some(context, target)
            if number is None:
                break
            stored += number
    return stored, False


def _score_some(context: TaskContext, target: Target) -> int | None:
    """Score some snapshots; return how many, None where none is left."""
    with reading(context.tenant_id) as session:
        head = heads.get(session, context.tenant_id, target=target)
        learner = None if head is None else applying.opened(session, context.tenant_id, head)
        if head is None or learner is None or not _knows_all(session, learner, target):
            return None
        waiting, through = _waiting(session, context, head)
    saving.close(bound().keep(learner))
    if not waiting and through == head.scored_through:
        return None
    drafts = [_draft(snapshot, learner) for snapshot in waiting]
    return _store(context, learner, drafts, through)


def _knows_all(session: Session, learner: OpenLearner, target: Target) -> bool:
    return not signals.after(session, learner.tenant_id, target=target, cursor=learner.cursor, limit=1)


def _waiting(session: Session, context: TaskContext, head: HeadRecord) -> tuple[list[SnapshotRecord], str | None]:
    """Return the next snapshots to be scored, and up to which one that is all of them."""
    newest = signal_scores.newest_snapshot(session, context.tenant_id)
    ids = signal_scores.unscored(
        session,
        context.tenant_id,
        kind=kind_of(head.target),
        after=head.scored_through,
        since=context.now - NEW,
        limit=CHUNK,
    )
    through = newest if len(ids) < CHUNK else max(ids[-1], head.scored_through or "")
    return snapshots.get(session, context.tenant_id, snapshot_ids=ids), through


def _draft(snapshot: SnapshotRecord, learner: OpenLearner) -> PredictionDraft:
    score = learner.model.score(snapshot.features)
    return PredictionDraft(
        lead_id=snapshot.lead_id,
        snapshot_id=snapshot.snapshot_id,
        kind=kind_of(learner.target),
        model_id=None,
        model_version=version_of(learner.generation, learner.cursor),
        scope="tenant",
        probability=score.probability,
        band=None,
        detail={
            "experts": learner_states.by_expert(score),
            "confidence": score.confidence,
            "signals": score.signals,
            "generation": learner.generation,
            "cursor": learner.cursor,
        },
        as_of=snapshot.as_of,
    )


def _store(
    context: TaskContext, learner: OpenLearner, drafts: Sequence[PredictionDraft], through: str | None
) -> int | None:
    """Store scores with their audit rows; None where the learner is to be built anew first."""
    fork = context.fork()
    with fork.transaction(context.tenant_id) as session:
        head = heads.get(session, context.tenant_id, target=learner.target, lock=True)
        if head is None or head.generation != learner.generation or head.rebuild_at is not None:
            bound().drop(context.tenant_id, learner.target)
            return None
        stored = save_predictions(session, fork, drafts, kind=kind_of(learner.target)) if drafts else None
        if through is not None and through > (head.scored_through or ""):
            heads.set_scored_through(session, context.tenant_id, target=learner.target, snapshot_id=through)
    return 0 if stored is None else len(stored.new)
