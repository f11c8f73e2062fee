"""Put together what explains a prediction beyond its reasons: what would change it, and similar closed leads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from db.records import PredictionRecord, SnapshotRecord
from db.repositories import tenants
from db.repositories.predictions import snapshots
from db.repositories.privacy import restrictions
from db.session import Session
from domain.documents import JsonObject
from tasks.runtime.context import TaskContext
from tasks.services.explanations.explainer import Answerer
from tasks.services.explanations.explainers import NOT_ASKED, explainer_of
from tasks.services.explanations.similar import similar_view
from tasks.services.explanations.what_if import what_if_view
from tasks.services.interventions import gate_context
from tasks.services.interventions.next_action import closed_channels, conditions

#: similar leads that are named unless a caller asks for another number
LISTED = 5


def explain(
    session: Session,
    context: TaskContext,
    prediction: PredictionRecord,
    snapshot: SnapshotRecord,
    *,
    listed: int = LISTED,
    blocked: Collection[str] = (),
) -> JsonObject:
    """Return what would change a prediction and what became of similar closed leads, or why that cannot be told.

    `blocked` says why nothing may be computed of the lead: then nothing is.
    """
    opened = (
        f"nothing is computed of this lead: {', '.join(blocked)}" if blocked else _open(session, context, prediction)
    )
    if isinstance(opened, str):
        return {"what_if": None, "similar": None, "why_not": opened}
    closed = closed_now(session, context, prediction.lead_id)
    explainer = explainer_of(prediction.kind)
    similar = similar_view(session, context.tenant_id, opened.space, snapshot, listed=listed) if opened.space else None
    return {
        "what_if": what_if_view(explainer, opened, prediction, snapshot, settings=context.settings(), closed=closed),
        "similar": similar,
        "why_not": None,
    }


def what_ifs_of(
    session: Session,
    context: TaskContext,
    stored: Sequence[PredictionRecord],
    closed: Mapping[str, Collection[str]],
) -> dict[str, JsonObject | None]:
    """Return what would change each prediction, by lead; None where rules gave it, or its model is gone.

    `closed` are the channels by which each lead may not be contacted now.
    """
    ids = [prediction.snapshot_id for prediction in stored]
    taken = {each.snapshot_id: each for each in snapshots.get(session, context.tenant_id, snapshot_ids=ids)}
    opened: dict[tuple[str, str], Answerer | str] = {}
    found: dict[str, JsonObject | None] = {}
    for prediction in stored:
        answerer, snapshot = _open_once(session, context, prediction, opened), taken.get(prediction.snapshot_id)
        if isinstance(answerer, str) or snapshot is None:
            found[prediction.lead_id] = None
            continue
        found[prediction.lead_id] = what_if_view(
            explainer_of(prediction.kind),
            answerer,
            prediction,
            snapshot,
            settings=context.settings(),
            closed=closed[prediction.lead_id],
        )
    return found


def closed_now(session: Session, context: TaskContext, lead_id: str) -> Collection[str]:
    """Return the channels by which a lead may not be contacted now."""
    gates = conditions(session, context)
    subject = gate_context.load(session, context, [lead_id], gates.settings)[lead_id]
    blocked = restrictions.blocked(session, context.tenant_id, lead_ids=[lead_id]).get(lead_id, ())
    return closed_channels(subject, gates, blocked)


def reading_context(session: Session, tenant_id: str) -> TaskContext:
    """Return the context of a process that reads a tenant's data outside a task: it publishes nothing."""
    return TaskContext(
        task="",
        task_id="",
        tenant=tenants.require(session, tenant_id),
        args_hash="",
        now=datetime.now(UTC),
        queue_of=lambda _: "",
        publish=lambda *_: None,
    )


def _open_once(
    session: Session,
    context: TaskContext,
    prediction: PredictionRecord,
    opened: dict[tuple[str, str], Answerer | str],
) -> Answerer | str:
    """Open a trained model once for all its predictions; what is written is opened for each, which costs nothing."""
    if prediction.scope == "scorecard":
        return _open(session, context, prediction)
    key = prediction.kind, prediction.model_version
    if key not in opened:
        opened[key] = _open(session, context, prediction)
    return opened[key]


def _open(session: Session, context: TaskContext, prediction: PredictionRecord) -> Answerer | str:
    explainer = explainer_of(prediction.kind)
    return explainer.open(session, context.tenant_id, prediction) if explainer.open else NOT_ASKED
