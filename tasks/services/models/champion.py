"""The scorer that answers for one kind of model, with what its answers say of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from ml.churn.scorer import ChurnScorer
from ml.leads import LeadScore
from ml.profiles import FeatureMatrix


class LeadScoring(Protocol):
    """A scorer of leads: a trained one, a pooled one, or the written scorecard."""

    def score(self, matrix: FeatureMatrix, *, explain: int = 3) -> list[LeadScore]:
        """Score leads, each with up to `explain` reasons for and against it."""


ScorerT = TypeVar("ScorerT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion(Generic[ScorerT]):
    """A scorer that is ready to answer: a model, or what is written for a tenant that has none."""

    kind: str
    scorer: ScorerT
    #: None: not a model of the tenant's own
    model_id: str | None
    version: str
    #: tenant, pooled or scorecard
    scope: str
    trained_at: datetime | None
    rows: int
    #: it was trained on a lead that was forgotten since
    retrain: bool = False

    def model(self) -> dict[str, Any]:
        """Return the `model` part of an envelope."""
        return {
            "name": self.kind,
            "version": self.version,
            "trained_at": self.trained_at,
            "rows": self.rows,
            "calibrated": self.scope != "scorecard",
            "scope": self.scope,
        }


def written(kind: str, version: str, scorer: ScorerT) -> Champion[ScorerT]:
    """Return the champion of tenants without a model: a scorer whose weights are written, not learnt."""
    return Champion(
        kind=kind, scorer=scorer, model_id=None, version=version, scope="scorecard", trained_at=None, rows=0
    )


LeadChampion = Champion[LeadScoring]
#: the scorer is None for the written scorecard, which reads the indicators instead of the features
ChurnChampion = Champion[ChurnScorer | None]
