"""Gather what stands behind one prediction: snapshot, events, what was missing, model, reasons, and a replay.

How each kind of prediction is computed again, and asked what would change it, is in `tasks.services.explanations`.

This is no task: the snapshot may hold what people wrote into a tenant's own columns, so it is read from the database
directly and never goes through a queue.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from db.records import EventRecord, PredictionRecord, SnapshotRecord
from db.repositories.events import events
from db.repositories.leads import leads
from db.repositories.overrides import overrides, score_feedback
from db.repositories.predictions import predictions, snapshots
from db.repositories.privacy import restrictions
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from tasks.contracts.base.wire import to_wire
from tasks.services.explanations.explained import explain, reading_context
from tasks.services.explanations.explainers import explainer_of
from tasks.services.leads.overrides import override_view
from tasks.services.leads.score_views import score_view
from tasks.services.models import model_registry
from tasks.services.models.model_kinds import MODEL_KINDS

#: newest events that are listed; all are counted
LISTED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A prediction with all that stands behind it."""

    #: finite JSON
    evidence: JsonMapping
    #: False: computing it again gave another score, or could not
    reproduced: bool


def explain_prediction(session: Session, tenant_id: str, prediction_id: str) -> Explanation | None:
    """Return what stands behind a prediction; None where the tenant has none of this id."""
    rows = predictions.get(session, tenant_id, prediction_ids=[prediction_id])
    if not rows:
        return None
    prediction = rows[0]
    snapshot = snapshots.get(session, tenant_id, snapshot_ids=[prediction.snapshot_id])[0]
    marks = score_feedback.for_lead(session, tenant_id, lead_id=prediction.lead_id)
    replay = explainer_of(prediction.kind).replay(session, tenant_id, prediction, snapshot)
    gates = _gates(session, tenant_id, prediction)
    context = reading_context(session, tenant_id)
    evidence = {
        "tenant_id": tenant_id,
        "lead_id": prediction.lead_id,
        "kind": prediction.kind,
        "answer": {**score_view(prediction, marks), **prediction.detail},
        "model": _model(session, tenant_id, prediction),
        "snapshot": _snapshot(snapshot),
        "events": _events(session, tenant_id, snapshot),
        "gates": gates,
        **explain(session, context, prediction, snapshot, blocked=gates["blocked"]),
        "replay": replay,
    }
    return Explanation(evidence=to_wire(evidence), reproduced=replay["same"] is not False)


def _snapshot(snapshot: SnapshotRecord) -> JsonObject:
    features = {name: value for name, value in snapshot.features.items() if value is not None}
    return {
        "snapshot_id": snapshot.snapshot_id,
        "as_of": snapshot.as_of,
        "lead_version": snapshot.lead_version,
        "feature_schema": snapshot.feature_schema,
        "features": features,
        "missing": [name for name in snapshot.features if name not in features],
        "label": snapshot.label,
    }


def _events(session: Session, tenant_id: str, snapshot: SnapshotRecord) -> JsonObject:
    """Return what had happened and was known at the snapshot's moment."""
    lead_events = events.for_leads(session, tenant_id, lead_ids=[snapshot.lead_id])[snapshot.lead_id]
    known_events = [
        event for event in lead_events if event.occurred_at <= snapshot.as_of and event.recorded_at <= snapshot.as_of
    ]
    counts = Counter(event.kind for event in known_events)
    return {
        "counts": dict(counts.most_common()),
        "newest": [_event(event) for event in reversed(known_events[-LISTED:])],
    }


def _event(event: EventRecord) -> JsonObject:
    names = ("kind", "occurred_at", "recorded_at", "direction", "channel")
    return {name: getattr(event, name) for name in names}


def _gates(session: Session, tenant_id: str, prediction: PredictionRecord) -> JsonObject:
    """Return what stands between the score and a call now; gates are judged whenever something is about to be done."""
    lead_id = prediction.lead_id
    lead = leads.get(session, tenant_id, lead_ids=[lead_id])[0]
    blocked = restrictions.blocked(session, tenant_id, lead_ids=[lead_id])
    active = overrides.active(session, tenant_id, kind=prediction.kind, lead_ids=[lead_id])
    return {
        "status": lead.status,
        "contactable": lead.contactable,
        "blocked": list(blocked.get(lead_id, ())),
        "override": override_view(active.get(lead_id)),
    }


def _model(session: Session, tenant_id: str, prediction: PredictionRecord) -> JsonObject:
    """Return the model that answered; its version and scope alone where rules did, or a written scorer."""
    version: JsonObject = {"version": prediction.model_version, "scope": prediction.scope}
    if prediction.kind not in MODEL_KINDS:
        return version
    model = model_registry.record_of(session, tenant_id, prediction.model_version)
    if model is None:
        return version
    return {
        **version,
        "state": model.state,
        "rows": model.rows,
        "trained_at": model.trained_at,
        "promoted_at": model.promoted_at,
        "fingerprint": model.fingerprint,
        "metrics": {name: model.metrics.get(name) for name in ("auc", "brier", "ece")},
        "libraries": model.report.get("libraries"),
    }
