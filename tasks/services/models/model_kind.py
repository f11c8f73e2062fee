"""The records of a kind of model: all that is asked of it, and the champion, the scorer that answers for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from db.records import PredictionRecord, SnapshotRecord
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from domain.model_kinds import KindLabel, Scope
from ml.artifacts import Scorer
from ml.churn.scorer import ChurnScorer
from ml.leads import Gate, LeadScore
from ml.profiles import FeatureMatrix
from tasks.contracts.models import TrainModel
from tasks.runtime.context import TaskContext
from tasks.services.models.dataset import Dataset


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

    def model(self) -> JsonObject:
        """Return the `model` part of an envelope."""
        return {
            "name": self.kind,
            "version": self.version,
            "trained_at": self.trained_at,
            "rows": self.rows,
            "calibrated": self.scope != "scorecard",
            "scope": self.scope,
        }


def fallback_champion(kind: str, version: str, scorer: ScorerT) -> Champion[ScorerT]:
    """Return the champion of tenants without a model: a scorer whose weights are written, not learnt."""
    return Champion(
        kind=kind, scorer=scorer, model_id=None, version=version, scope="scorecard", trained_at=None, rows=0
    )


LeadChampion = Champion[LeadScoring]
#: the scorer is None for the written scorecard, which reads the indicators instead of the features
ChurnChampion = Champion[ChurnScorer | None]


#: reads what a training learns from; is given the champion that the new model has to beat
DatasetReader = Callable[[Session, TrainModel, TaskContext, Champion[ScorerT]], Dataset]
#: computes a stored prediction once more: whether it is the `same` bit for bit, what was stored, what came out, and why
#: they differ
Replay = Callable[[Champion[ScorerT], PredictionRecord, SnapshotRecord], JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelKind(Generic[ScorerT]):
    """One kind of model. Listed in `MODEL_KINDS`, it is trained, served, explained, shown and reported as every other.

    Raises ValueError where its parts do not fit together.
    """

    #: its name, whose leads it may learn from, and its words for people
    label: KindLabel
    #: classes that an artifact may hold; one of them carries the kind's name
    scorers: tuple[type[Scorer], ...]
    #: answers until a model earns it
    fallback: Champion[ScorerT]
    #: what to learn from, by scope
    datasets: Mapping[Scope, DatasetReader[ScorerT]]
    #: whether the tenant's own leads suffice for a model, else what is missing; is given how many won and
    #: lost leads can be learnt from
    gate: Callable[[Session, TaskContext, Mapping[str, int]], Gate]
    #: the count of which one lead suffices for an answer: total or open
    answers_for: str
    replay: Replay[ScorerT]
    #: makes a scorer that several tenants taught read only what means the same for all of them
    pool: Callable[[Any], ScorerT] | None = None
    #: the probabilities at which its bands begin, by the tenant's settings; none: people see no bands of it
    borders: Callable[[JsonMapping], tuple[float, ...]] = lambda _: ()

    def __post_init__(self) -> None:
        """Check the parts against each other."""
        if self.name not in {scorer.kind for scorer in self.scorers}:
            raise ValueError("no scorer of this kind of model names it; set the class's `kind`")
        if self.fallback.kind != self.name or set(self.datasets) != set(self.label.scopes):
            raise ValueError("the fallback and the data sets must be of the kind and the scopes that the label names")

    @property
    def name(self) -> str:
        """Return the name that requests, models and predictions carry."""
        return self.label.name
