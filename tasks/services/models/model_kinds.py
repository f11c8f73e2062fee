"""The kinds of model that there are. A new kind is one record here and its label in `domain.model_kinds`."""

from __future__ import annotations

from typing import Any

from domain import model_kinds as labels
from domain.documents import JsonMapping
from domain.risk import RISK_STARTS
from domain.scores import HOT, WARM
from ml.churn import scorecard as churn_card
from ml.churn.scorer import ChurnScorer
from ml.leads import LeadScorer, Scorecard
from ml.leads.multi_tenant import PooledScorer
from ml.leads.scorecard import VERSION
from tasks.services.models import churn_training, lead_training, replay
from tasks.services.models.model_kind import LeadScoring, ModelKind, fallback_champion


def _pooled(scorer: LeadScoring) -> LeadScoring:
    return PooledScorer(scorer) if isinstance(scorer, LeadScorer) else scorer


def _bands(settings: JsonMapping) -> tuple[float, ...]:
    chosen = {"warm": WARM, "hot": HOT} | dict(settings.get("bands") or {})
    return chosen["warm"], chosen["hot"]


LEAD_SCORE: ModelKind[LeadScoring] = ModelKind(
    label=labels.LEAD_SCORE,
    scorers=(LeadScorer, Scorecard),
    fallback=fallback_champion(labels.LEAD_SCORE.name, f"scorecard-{VERSION}", Scorecard()),
    datasets={"tenant": lead_training.tenant_dataset, "pooled": lead_training.pooled_dataset},
    gate=lead_training.ready,
    answers_for="total",
    replay=replay.replay_score,
    pool=_pooled,
    borders=_bands,
)
#: it is not shared between tenants: when leads go cold depends on how a brokerage works them
CHURN: ModelKind[ChurnScorer | None] = ModelKind(
    label=labels.CHURN,
    scorers=(ChurnScorer,),
    fallback=fallback_champion(labels.CHURN.name, f"churn-scorecard-{churn_card.VERSION}", None),
    datasets={"tenant": churn_training.tenant_dataset},
    gate=churn_training.ready,
    answers_for="open",
    replay=replay.replay_churn,
    borders=lambda _: RISK_STARTS,
)
#: name -> kind
MODEL_KINDS: dict[str, ModelKind[Any]] = {kind.name: kind for kind in (LEAD_SCORE, CHURN)}
