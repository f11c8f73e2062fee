"""`hearth.leads.history`: every score of a lead over time, by models and by people."""

from __future__ import annotations

from db.repositories.leads import leads
from db.repositories.overrides import overrides, score_feedback
from db.repositories.predictions import predictions
from db.session import Session
from tasks.contracts.leads import ScoreHistory
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query
from tasks.services.leads.overrides import override_view
from tasks.services.leads.score_views import score_view
from tasks.services.leads.threshold_events import KIND

#: newest overrides that an answer lists
OVERRIDES = 50


@query("hearth.leads.history", ScoreHistory, queue="inference", scope="read")
def history(session: Session, request: ScoreHistory, context: TaskContext) -> TaskResult:
    """Every score of a lead, newest first, with what people said of it; send `before` again for the next page."""
    tenant_id, lead_id = context.tenant_id, request.the_lead()
    # raises UnknownLead
    leads.restricted(session, tenant_id, lead_ids=[lead_id])
    scores = predictions.history(
        session, tenant_id, lead_id=lead_id, kind=KIND, limit=request.limit + 1, before=request.before
    )
    page, more = scores[: request.limit], len(scores) > request.limit
    marks = score_feedback.for_lead(session, tenant_id, lead_id=lead_id)
    people = overrides.for_lead(session, tenant_id, lead_id=lead_id, kind=KIND)
    return TaskResult(
        data={
            "lead_id": lead_id,
            "points": [score_view(score, marks) for score in page],
            "overrides": [override_view(override) for override in people[:OVERRIDES]],
            "before": page[-1].as_of if more else None,
        },
        as_of=context.now,
    )
