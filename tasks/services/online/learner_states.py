"""Make, open and close the state of a learner: the only place that loads River.

River with what it needs takes 1.6 s and 130 MB. The gateway and commands import every task, and learn nothing: so it is
imported by the functions here, and by a worker before it forks (workers.bootstrap).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from db.errors import SealBroken
from db.records import CheckpointRecord, HeadRecord
from db.repositories.online import checkpoints
from db.session import Session
from domain.documents import JsonObject
from tasks.contracts.base.wire import to_wire
from tasks.services.online.open_learners import OpenLearner

if TYPE_CHECKING:
    from ml.online import OnlineModel, OnlineScore

log = structlog.get_logger(__name__)

#: every learner draws from the same seed, so that a rebuild gives the same state
SEED = 0


def new_model() -> OnlineModel:
    """Return a model that has learnt nothing."""
    from ml.online import OnlineModel

    return OnlineModel(seed=SEED)


def open_learner(session: Session, tenant_id: str, head: HeadRecord) -> OpenLearner:
    """Return the learner of a head as its newest checkpoint has it; one that has learnt nothing where there is none.

    A checkpoint that another version of the learners wrote, or that was changed, is as good as none: what it knew is
    learnt again from the signals.
    """
    stored = _newest(session, tenant_id, head)
    model = None if stored is None else load(stored)
    learner = OpenLearner(
        tenant_id=tenant_id,
        target=head.target,
        generation=head.generation,
        cursor=0 if stored is None or model is None else stored.cursor,
        model=new_model() if model is None else model,
        replaces=model is None and head.checkpoint_cursor is not None,
    )
    learner.mark_saved()
    return learner


def load(stored: CheckpointRecord) -> OnlineModel | None:
    """Return the model of a checkpoint; None where this version of the learners cannot read it."""
    from ml.errors import ForeignCheckpoint
    from ml.online import checkpoint

    try:
        return checkpoint.load(stored.state or b"")
    except ForeignCheckpoint:
        log.warning("online_checkpoint_foreign", target=stored.target, cursor=stored.cursor)
        return None


def dump(learner: OpenLearner) -> tuple[bytes, JsonObject]:
    """Return the state of a learner as a checkpoint, and its report as finite JSON."""
    from ml.online import checkpoint

    return checkpoint.dump(learner.model), to_wire(learner.model.report())


def by_expert(score: OnlineScore) -> dict[str, float]:
    """Return what each expert says, by its name."""
    from ml.online import EXPERTS

    return dict(zip(EXPERTS, score.experts, strict=True))


def in_order(experts: Mapping[str, float]) -> tuple[float, ...] | None:
    """Return what was said by expert as the model takes it; None where another set of experts said it, or no odds."""
    from ml.online import EXPERTS

    if experts.keys() != set(EXPERTS) or not all(0 < said < 1 for said in experts.values()):
        return None
    return tuple(experts[name] for name in EXPERTS)


def _newest(session: Session, tenant_id: str, head: HeadRecord) -> CheckpointRecord | None:
    try:
        return checkpoints.newest(session, tenant_id, target=head.target, generation=head.generation)
    except SealBroken:
        log.warning("online_checkpoint_broken", target=head.target)
        return None
