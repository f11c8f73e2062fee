"""Explain online scores: learn the signals once more up to the state that gave one, and ask that state again."""

from __future__ import annotations

from db.errors import SealBroken
from db.records import PredictionRecord, SnapshotRecord
from db.repositories.online import checkpoints, heads
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from ml.explain.row_scorer import by_rows
from tasks.services.explanations.explainer import Answerer
from tasks.services.online import applying, learner_states
from tasks.services.online.names import target_of
from tasks.services.online.open_learners import OpenLearner

#: signals that are learnt once more at most: some seconds
MOST = 2_000
ANEW = "the learner was built anew since, without what an erased lead had taught it or because somebody asked for it"
LONG = f"its checkpoint is not kept any more, and more than {MOST} signals are too many to learn again for one score"
GONE = "some signals that the learner knew then are not kept any more"
OTHER = "it was learnt by another version of the learners, whose checkpoint this one cannot read"


def replay(session: Session, tenant_id: str, stored: PredictionRecord, snapshot: SnapshotRecord) -> JsonObject:
    """Compute an online score again, from the newest checkpoint before it and the signals since."""
    opened = _state(session, tenant_id, stored)
    if isinstance(opened, str):
        return {"same": None, "why": opened}
    score = opened.model.score(snapshot.features)
    before = {"probability": stored.probability, **stored.detail["experts"]}
    after = {"probability": score.probability, **learner_states.by_expert(score)}
    return _compare(before, after, from_checkpoint=opened.saved_cursor > 0)


def open_state(session: Session, tenant_id: str, stored: PredictionRecord) -> Answerer | str:
    """Return the state that gave an online score, to be asked about other features."""
    opened = _state(session, tenant_id, stored)
    if isinstance(opened, str):
        return opened
    return Answerer(log_odds=by_rows(lambda row: opened.model.score(row).probability))


def _state(session: Session, tenant_id: str, stored: PredictionRecord) -> OpenLearner | str:
    """Return the learner as it was when it gave a score; a text says why that is not possible."""
    target = target_of(stored.kind)
    generation, cursor, known = (int(stored.detail[name]) for name in ("generation", "cursor", "signals"))
    head = None if target is None else heads.get(session, tenant_id, target=target)
    if head is None or head.rebuild_at is not None or head.generation != generation:
        return ANEW
    learner = _checkpoint(session, tenant_id, head.target, generation, cursor)
    if known - learner.model.signals > MOST:
        return LONG
    applying.relearn(session, learner, until=cursor)
    return learner if learner.model.signals == known else GONE


def _checkpoint(session: Session, tenant_id: str, target: str, generation: int, cursor: int) -> OpenLearner:
    """Return the learner of the newest checkpoint before a signal; one that knows nothing where none can be read."""
    learner = OpenLearner(
        tenant_id=tenant_id, target=target, generation=generation, cursor=0, model=learner_states.new_model()
    )
    try:
        kept = checkpoints.at_or_before(session, tenant_id, target=target, generation=generation, cursor=cursor)
    except SealBroken:
        return learner
    model = None if kept is None else learner_states.load(kept)
    if kept is not None and model is not None:
        learner.model, learner.cursor = model, kept.cursor
        learner.mark_saved()
    return learner


def _compare(stored: JsonMapping, computed: JsonMapping, *, from_checkpoint: bool) -> JsonObject:
    differing = [name for name, value in stored.items() if value != computed.get(name)]
    comparison: JsonObject = {"same": not differing, "stored": stored, "computed": computed}
    if not differing:
        return comparison
    if not from_checkpoint:
        return {**comparison, "same": None, "why": OTHER}
    return {**comparison, "why": f"another value of {', '.join(differing)}"}
