"""The explainers that there are, one a kind of prediction. A new kind is one record here."""

from __future__ import annotations

from functools import partial
from typing import Any

from db.records import PredictionRecord, SnapshotRecord
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from domain.risk import RISK_LEVELS, RISK_STARTS
from domain.scores import HOT, WARM
from domain.targets import TARGETS
from ml.arrays import Floats
from ml.churn import scorecard as churn_scorecard
from ml.churn.risk import level_of
from ml.explain.counterfactual import Goal
from ml.explain.neighbours import by_meaning
from ml.leads import band
from ml.profiles import FeatureMatrix
from tasks.services.explanations import online
from tasks.services.explanations.explainer import Answerer, Explainer, FindGoal
from tasks.services.models import model_registry
from tasks.services.models.model_kind import Champion, ModelKind
from tasks.services.models.model_kinds import CHURN, LEAD_SCORE, MODEL_KINDS
from tasks.services.online.names import kind_of
from tasks.services.personalization.personalize import replay_journey
from tasks.services.personalization.views import KIND as PERSONALIZATION

#: why nothing is computed once more
RULES = "rules over events gave this answer; there is no model to compute it again"
GONE = "its model is not there any more, or does not open in this version of Hearth"
#: why nothing is said of what would change an answer
NOT_ASKED = "rules over events gave this answer, which cannot be asked about other features"


def explainer_of(kind: str) -> Explainer:
    """Return the explainer of a kind of prediction; of one that rules gave, the explainer that says so.

    A kind of model that is not listed here is computed again, and asked about single levers.
    """
    if kind not in EXPLAINERS and kind in MODEL_KINDS:
        return _of_model(MODEL_KINDS[kind])
    return EXPLAINERS.get(kind) or Explainer(kind=kind, replay=_no_replay)


def known_kinds() -> list[str]:
    """Return the kinds of prediction that can be asked about."""
    return [*dict.fromkeys((*EXPLAINERS, *MODEL_KINDS))]


def _of_model(kind: ModelKind[Any], find_goal: FindGoal | None = None, *, rises: bool = True) -> Explainer:
    return Explainer(
        kind=kind.name,
        replay=partial(_replay_model, kind),
        open=partial(_open_model, kind),
        find_goal=find_goal,
        rises=rises,
    )


def _no_replay(session: Session, tenant_id: str, stored: PredictionRecord, snapshot: SnapshotRecord) -> JsonObject:
    return {"same": None, "why": RULES}


def _replay_model(
    kind: ModelKind[Any], session: Session, tenant_id: str, stored: PredictionRecord, snapshot: SnapshotRecord
) -> JsonObject:
    """Put the stored snapshot through the stored artifact once more."""
    champion = model_registry.champion_of_version(session, tenant_id, stored.model_version, kind)
    return {"same": False, "why": GONE} if champion is None else kind.replay(champion, stored, snapshot)


def _replay_journey(session: Session, tenant_id: str, stored: PredictionRecord, snapshot: SnapshotRecord) -> JsonObject:
    return replay_journey(stored, snapshot)


def _open_model(kind: ModelKind[Any], session: Session, tenant_id: str, stored: PredictionRecord) -> Answerer | str:
    champion: Champion[Any] | None = model_registry.open_version(session, tenant_id, stored.model_version, kind)
    if champion is None:
        return GONE
    if champion.scorer is None:
        return _written_risk(stored)
    return Answerer(log_odds=champion.scorer.log_odds, space=partial(_by_contributions, champion.scorer))


def _written_risk(stored: PredictionRecord) -> Answerer:
    """Ask the written scorecard of churn again, from the indicators that were stored."""
    values = {indicator["name"]: indicator["value"] for indicator in stored.detail["indicators"]}
    threshold = float(stored.detail["threshold"])
    return Answerer(log_odds=partial(churn_scorecard.log_odds_of, values=values, threshold=threshold))


def _by_contributions(scorer: Any, matrix: FeatureMatrix) -> Floats:
    explained = scorer.explained(matrix)
    return by_meaning(explained.features, explained.contributions)


def _warmer(stored: PredictionRecord, settings: JsonMapping) -> Goal | None:
    """Return the border of the band above a score, by the tenant's own borders."""
    borders = {"hot": HOT, "warm": WARM, **(settings.get("bands") or {})}
    above = {"cold": "warm", "warm": "hot"}.get(band(stored.probability or 0.0, **borders))
    return None if above is None else Goal(name=above, border=borders[above], rises=True)


def _calmer(stored: PredictionRecord, settings: JsonMapping) -> Goal | None:
    """Return the border of the level below a risk."""
    place = RISK_LEVELS.index(level_of(stored.probability or 0.0))
    return Goal(name=RISK_LEVELS[place - 1], border=RISK_STARTS[place - 1], rises=False) if place else None


#: kind of prediction -> how it is explained
EXPLAINERS: dict[str, Explainer] = {
    explainer.kind: explainer
    for explainer in (
        _of_model(LEAD_SCORE, _warmer),
        _of_model(CHURN, _calmer, rises=False),
        Explainer(kind=PERSONALIZATION, replay=_replay_journey),
        *(
            Explainer(kind=kind_of(target), replay=online.replay, open=online.open_state, rises=target != "churned")
            for target in TARGETS
        ),
    )
}
