"""`hearth.leads.score`: score leads when the CRM asks."""

from __future__ import annotations

from db.session import Session
from domain.scores import BANDS
from ml.features import extract
from tasks.contracts.leads import ScoreLeads
from tasks.runtime import lead_references
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect
from tasks.services.leads import profiles
from tasks.services.leads.predictions import snapshots_of
from tasks.services.leads.scoring import band_of, lead_score_view, store_scores
from tasks.services.models import model_registry
from tasks.services.models.model_kinds import LEAD_SCORE


@effect("hearth.leads.score", ScoreLeads, queue="inference", scope="read")
def score(session: Session, request: ScoreLeads, context: TaskContext) -> TaskResult:
    """Score one lead, stored or sent along, with its reasons; or many, whose rows the worklist and the card show.

    Leads that are restricted, or that object to it, are left out and named.
    """
    settings, as_of = context.settings(), request.as_of or context.now
    champion = model_registry.champion(session, request.tenant_id, settings, LEAD_SCORE)
    model = champion.model()
    if request.lead is not None:
        features = extract([profiles.profile_from_message(request.lead, as_of)])
        sent = champion.scorer.score(features, explain=request.explain)[0]
        view = {"lead_id": None, **lead_score_view(sent, settings)}
        return TaskResult(data={"lead": view}, model=model, as_of=as_of)
    taken, blocked = snapshots_of(session, context, request.ids(), as_of)
    if not taken:
        data = lead_references.with_identities(session, context, {"scored": 0, "blocked": blocked}, blocked)
        return TaskResult(data=data, status="blocked", model=model, as_of=as_of)
    scores = store_scores(session, context, taken, champion, request.explain)
    if request.lead_id is not None:
        view = {"lead_id": request.the_lead(), **lead_score_view(scores[0], settings)}
        return TaskResult(data={"lead": view}, model=model, as_of=as_of)
    bands = [band_of(item, settings) for item in scores]
    data = {
        "scored": len(scores),
        "bands": {name: bands.count(name) for name in BANDS},
        **({"blocked": blocked} if blocked else {}),
    }
    return TaskResult(
        data=lead_references.with_identities(session, context, data, blocked),
        status="partial" if blocked else "ok",
        model=model,
        as_of=as_of,
    )
