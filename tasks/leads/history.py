"""How a lead was judged over time, by models and by people."""

from __future__ import annotations

from typing import Any

from db.records import MarkRecord, PredictionRecord
from db.repositories.leads import leads
from db.repositories.overrides import overrides, score_feedback
from db.repositories.predictions import predictions
from db.session import Session
from tasks.contracts.leads import ScoreHistory
from tasks.leads.overrides import shown
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query
from tasks.services.leads.threshold_events import KIND


@query("hearth.leads.history", ScoreHistory)
def history(session: Session, request: ScoreHistory, context: TaskContext) -> TaskResult:
    """Every score of a lead, newest first, with what people said of it; send `before` again for the next page."""
    leads.restricted(session, context.tenant_id, lead_ids=[request.lead_id])
    scope: dict[str, Any] = {"lead_id": request.lead_id, "kind": KIND}
    found = predictions.history(session, context.tenant_id, **scope, limit=request.limit + 1, before=request.before)
    points, more = found[: request.limit], len(found) > request.limit
    said = score_feedback.for_lead(session, context.tenant_id, lead_id=request.lead_id)
    return TaskResult(
        data={
            "lead_id": request.lead_id,
            "points": [point(each, said) for each in points],
            "overrides": [shown(record) for record in overrides.for_lead(session, context.tenant_id, **scope)[:50]],
            "before": points[-1].as_of if more else None,
        },
        as_of=context.now,
    )


def point(record: PredictionRecord, said: list[MarkRecord]) -> dict[str, Any]:
    """One score as answers show it, with the marks that people gave it."""
    detail = {name: record.detail.get(name) for name in ("interval", "fit", "engagement", "data_quality")}
    return {
        "prediction_id": record.prediction_id,
        "as_of": record.as_of,
        "computed_at": record.computed_at,
        "probability": record.probability,
        "band": record.band,
        **detail,
        "model": record.model_version,
        "scope": record.scope,
        "marks": [
            {"verdict": each.verdict, "reason": each.reason, "actor": each.actor, "at": each.marked_at}
            for each in said
            if each.prediction_id == record.prediction_id
        ],
    }
