"""What stands behind one score: snapshot, events, what was missing, model, reasons, and the score computed once more.

No task: the snapshot may hold what people wrote into a tenant's own columns, so it is opened at the database and goes
through no queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db.records import EventRecord, PredictionRecord, SnapshotRecord
from db.repositories.events import events
from db.repositories.leads import leads
from db.repositories.overrides import overrides, score_feedback
from db.repositories.predictions import predictions, snapshots
from db.repositories.privacy import restrictions
from db.session import Session
from ml.churn.scorecard import added_up
from ml.profiles import FeatureMatrix
from tasks.contracts.base.wire import to_wire
from tasks.leads.history import point
from tasks.leads.overrides import shown
from tasks.services.leads.threshold_events import KIND
from tasks.services.models import model_registry

#: newest events that are listed; all are counted
LISTED = 50
#: figures of a stored score that computing it again has to give, bit for bit
FIGURES = ("log_odds", "base", "fit", "engagement", "data_quality")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A score with all that stands behind it."""

    #: finite JSON
    told: Mapping[str, Any]
    #: False: computing it again gave another score, or could not
    reproduced: bool


def explained(session: Session, tenant_id: str, prediction_id: str) -> Explained | None:
    """Give what stands behind an answer; None where the tenant has none of this id."""
    found = predictions.get(session, tenant_id, prediction_ids=[prediction_id])
    if not found:
        return None
    record = found[0]
    snapshot = snapshots.get(session, tenant_id, snapshot_ids=[record.snapshot_id])[0]
    replay = _replay(session, tenant_id, record, snapshot)
    told = {
        "tenant_id": tenant_id,
        "lead_id": record.lead_id,
        "kind": record.kind,
        "answer": {
            **point(record, score_feedback.for_lead(session, tenant_id, lead_id=record.lead_id)),
            **record.detail,
        },
        "model": _model(session, tenant_id, record),
        "snapshot": _snapshot(snapshot),
        "events": _events(session, tenant_id, snapshot),
        "gates": _gates(session, tenant_id, record),
        "replay": replay,
    }
    return Explained(told=to_wire(told), reproduced=replay["same"] is not False)


def _snapshot(snapshot: SnapshotRecord) -> dict[str, Any]:
    known = {name: value for name, value in snapshot.features.items() if value is not None}
    return {
        "snapshot_id": snapshot.snapshot_id,
        "as_of": snapshot.as_of,
        "lead_version": snapshot.lead_version,
        "feature_schema": snapshot.feature_schema,
        "features": known,
        "missing": [name for name in snapshot.features if name not in known],
        "label": snapshot.label,
    }


def _events(session: Session, tenant_id: str, snapshot: SnapshotRecord) -> dict[str, Any]:
    """What had happened and was known at the snapshot's moment."""
    happened = events.for_leads(session, tenant_id, lead_ids=[snapshot.lead_id])[snapshot.lead_id]
    seen = [each for each in happened if each.occurred_at <= snapshot.as_of and each.recorded_at <= snapshot.as_of]
    counts = Counter(event.kind for event in seen)
    return {"counts": dict(counts.most_common()), "newest": [_event(event) for event in reversed(seen[-LISTED:])]}


def _event(event: EventRecord) -> dict[str, Any]:
    names = ("kind", "occurred_at", "recorded_at", "direction", "channel")
    return {name: getattr(event, name) for name in names}


def _gates(session: Session, tenant_id: str, record: PredictionRecord) -> dict[str, Any]:
    """What stands between the score and a call, as of now: a gate holds whenever something is about to be done."""
    lead = leads.get(session, tenant_id, lead_ids=[record.lead_id])[0]
    held = restrictions.blocked(session, tenant_id, lead_ids=[record.lead_id])
    judged = overrides.active(session, tenant_id, kind=record.kind, lead_ids=[record.lead_id])
    return {
        "status": lead.status,
        "contactable": lead.contactable,
        "blocked": list(held.get(record.lead_id, ())),
        "override": shown(judged.get(record.lead_id)),
    }


def _model(session: Session, tenant_id: str, record: PredictionRecord) -> dict[str, Any]:
    learnt = record.kind in {KIND, model_registry.CHURN}
    known = model_registry.record_of(session, tenant_id, record.model_version) if learnt else None
    told: dict[str, Any] = {"version": record.model_version, "scope": record.scope}
    if known is None:
        return told
    metrics = {name: known.metrics.get(name) for name in ("auc", "brier", "ece")}
    facts = {name: getattr(known, name) for name in ("state", "rows", "trained_at", "promoted_at", "fingerprint")}
    return {**told, **facts, "metrics": metrics, "libraries": known.report.get("libraries")}


def _replay(session: Session, tenant_id: str, record: PredictionRecord, snapshot: SnapshotRecord) -> dict[str, Any]:
    """The stored snapshot through the stored artifact once more."""
    if record.kind not in {KIND, model_registry.CHURN}:
        return {"same": None, "why": "rules over events gave this answer; there is no model to compute it again"}
    champion = model_registry.of_version(session, tenant_id, record.model_version)
    if champion is None:
        return {"same": False, "why": "its model is not there any more, or does not open in this version of Hearth"}
    if isinstance(champion, model_registry.ChurnChampion):
        return _replay_risk(record, snapshot, champion)
    again = champion.scorer.score(FeatureMatrix.from_rows([snapshot.features]))[0]
    stored = {"probability": record.probability, **{name: record.detail.get(name) for name in FIGURES}}
    return _compared(stored, {name: getattr(again, name) for name in stored})


def _replay_risk(
    record: PredictionRecord, snapshot: SnapshotRecord, champion: model_registry.ChurnChampion
) -> dict[str, Any]:
    """The model's probability and those of its members; the scorecard's from the stored indicators."""
    if champion.scorer is not None:
        said, members = champion.scorer.together(FeatureMatrix.from_rows([snapshot.features]))
        stored = {"probability": record.probability, **record.detail["members"]}
        return _compared(
            stored, {"probability": float(said[0]), **{name: float(own[0]) for name, own in members.items()}}
        )
    values = {one["name"]: one["value"] for one in record.detail["indicators"]}
    # in whatever order they are added up
    stored = {"probability": round(record.probability or 0.0, 9)}
    return _compared(stored, {"probability": round(added_up(values), 9)})


def _compared(stored: Mapping[str, Any], computed: Mapping[str, Any]) -> dict[str, Any]:
    differing = [name for name, value in stored.items() if value != computed[name]]
    told: dict[str, Any] = {"same": not differing, "stored": stored, "computed": computed}
    return told if not differing else {**told, "why": f"another value of {', '.join(differing)}"}
