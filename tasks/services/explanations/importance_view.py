"""What counts over all leads of a tenant, for the model that answers now, with bounds."""

from __future__ import annotations

from math import ceil

from db.session import Session
from domain.documents import JsonObject
from ml.errors import LabelsError
from ml.explain.importance import importance
from tasks.contracts.models import TrainModel
from tasks.services.explanations.explained import reading_context
from tasks.services.models import model_registry
from tasks.services.models.model_kinds import MODEL_KINDS

#: labelled rows that are asked, evenly taken, and the fewest that say something
MOST, FEWEST = 2000, 50
#: why nothing can be told
RULES = "a written table of points answers, whose weights anybody can read: docs/scores.md, docs/churn.md"
FEW = "too few leads with a known outcome to tell"


def importance_view(session: Session, tenant_id: str, name: str, *, seed: int = 0) -> JsonObject:
    """Return what the model of a kind needs to know of leads, the most needed first, or why it cannot be told.

    It is asked about the tenant's labelled leads. A model that learnt from them flatters itself there, which is said.
    """
    kind, context = MODEL_KINDS[name], reading_context(session, tenant_id)
    champion = model_registry.champion(session, tenant_id, context.settings(), kind)
    told: JsonObject = {"kind": name, "model": champion.model(), "rows": 0, "learnt_from": False, "meanings": []}
    if champion.scorer is None:
        return {**told, "why_not": RULES}
    request = TrainModel(tenant_id=tenant_id, kind=name, seed=seed)
    try:
        problem = kind.datasets["tenant"](session, request, context, champion).problem(seed)
    except LabelsError:
        return {**told, "why_not": FEW}
    rows = list(range(0, len(problem.matrix), max(1, ceil(len(problem.matrix) / MOST))))
    if len(rows) < FEWEST:
        return {**told, "why_not": FEW}
    groups = None if problem.groups is None else problem.groups[rows]
    labels = problem.labels[rows]
    found = importance(champion.scorer.log_odds, problem.matrix.take(rows), labels, seed=seed, groups=groups)
    meanings = [
        {
            "meaning": each.meaning,
            "features": list(each.features),
            "log_loss": each.loss,
            "interval": [each.low, each.high],
        }
        for each in found
    ]
    learnt = champion.scope == "tenant"
    return {**told, "rows": len(rows), "learnt_from": learnt, "meanings": meanings, "why_not": None}
