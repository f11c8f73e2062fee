"""`hearth.leads.explain`: what would change a stored answer about a lead, and what became of leads like it."""

from __future__ import annotations

from db.records import PredictionRecord
from db.repositories.leads import leads
from db.repositories.predictions import predictions, snapshots
from db.session import Session
from domain.documents import JsonMapping
from tasks.contracts.leads import ExplainScore
from tasks.errors import InvalidPayload
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import step
from tasks.services.explanations.explained import explain as explained
from tasks.services.explanations.explainers import known_kinds


# it changes nothing and is no query: that somebody was shown what became of others leaves a row in the audit chain. Nor
# is it an effect: its result names other leads, and a stored result would keep them when they are forgotten
@step("hearth.leads.explain", ExplainScore, queue="inference", scope="read", internal=False)
def explain(session: Session, request: ExplainScore, context: TaskContext) -> TaskResult:
    """Say of a lead's newest score, or of a stored one, what would change it, and show similar closed leads."""
    lead_id = request.the_lead()
    blocked = leads.restricted(session, context.tenant_id, lead_ids=[lead_id]).get(lead_id, ())
    prediction = _stored(session, request, context)
    if prediction is None:
        empty = {"lead_id": lead_id, "kind": request.kind, "score": None, "what_if": None, "similar": None}
        return TaskResult(data={**empty, "why_not": "nothing was computed yet"}, status="insufficient_data")
    snapshot = snapshots.get(session, context.tenant_id, snapshot_ids=[prediction.snapshot_id])[0]
    found = explained(session, context, prediction, snapshot, listed=request.similar, blocked=blocked)
    _audit(context, prediction, found)
    data = {"lead_id": lead_id, "kind": prediction.kind, "score": _score(prediction), **found}
    return TaskResult(data=data, status="blocked" if blocked else "ok", as_of=prediction.as_of)


def _stored(session: Session, request: ExplainScore, context: TaskContext) -> PredictionRecord | None:
    """Return the prediction that is asked about. Raises InvalidPayload for a kind or an id that is not there."""
    if request.kind not in known_kinds():
        raise InvalidPayload.at("unknown_value", "kind", f"one of {', '.join(known_kinds())}")
    lead_id = request.the_lead()
    if request.prediction_id is None:
        newest = predictions.history(session, context.tenant_id, lead_id=lead_id, kind=request.kind, limit=1)
        return newest[0] if newest else None
    found = predictions.get(session, context.tenant_id, prediction_ids=[request.prediction_id])
    if not found or found[0].lead_id != lead_id:
        raise InvalidPayload.at("unknown_value", "prediction_id", "this lead has no answer of this id")
    return found[0]


def _score(prediction: PredictionRecord) -> JsonMapping:
    return {
        "prediction_id": prediction.prediction_id,
        "as_of": prediction.as_of,
        "probability": prediction.probability,
        "band": prediction.band,
        "model": prediction.model_version,
    }


def _audit(context: TaskContext, prediction: PredictionRecord, found: JsonMapping) -> None:
    """Record what was said, without naming the other leads."""
    what_if, similar = found["what_if"] or {}, found["similar"] or {}
    context.audit(
        "explanation",
        prediction_id=prediction.prediction_id,
        lead_id=prediction.lead_id,
        of=prediction.kind,
        model=prediction.model_version,
        levers=what_if.get("levers"),
        steps=[[each["lever"], each["times"]] for each in what_if.get("steps", ())],
        probability=what_if.get("probability"),
        similar=len(similar.get("leads", ())),
    )
