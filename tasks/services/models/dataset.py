"""The base of every training: rows to learn from, and the rules by which a new model may answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.documents import JsonMapping
from ml.ensemble.options import EnsembleOptions
from ml.leads import Training
from ml.profiles import FeatureMatrix
from ml.training.looks import Look
from ml.training.promotion import Decision
from ml.tuning import Problem
from tasks.services.models.closed_leads import Usable

#: rows, and of each outcome, that a champion must not have seen before a new model can be compared with it
FRESH, FRESH_RARER = 100, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset(ABC):
    """Rows to learn from, and the decision whether what was learnt may answer."""

    #: in whose registry the model belongs: the tenant's, or the one that a vertical shares
    owner: str
    matrix: FeatureMatrix
    #: tenant -> its leads that are learnt from
    lead_ids: Mapping[str, tuple[str, ...]]
    #: the same data, trained by the same code, has the same
    fingerprint: str
    #: name -> how many more it takes; empty where there is enough to learn from
    missing: Mapping[str, int]
    #: what the report says of the rows
    facts: JsonMapping
    #: which closed leads are learnt from, and why not the others; None where the kind learns from no closed leads
    usable: Usable | None = None

    @property
    @abstractmethod
    def truth(self) -> tuple[bool, ...]:
        """Return the outcomes that are learnt from, in the order of the out-of-fold predictions."""

    @property
    def known(self) -> FeatureMatrix:
        """Return the rows whose outcome is known, in the order of `truth`."""
        return self.matrix

    @abstractmethod
    def learn(self, seed: int, options: EnsembleOptions) -> Training:
        """Train on every row, with hyperparameters of `options`."""

    @abstractmethod
    def when_known(self) -> tuple[datetime, ...]:
        """Return when each outcome of `truth` became known to us."""

    @abstractmethod
    def problem(self, seed: int) -> Problem:
        """Return what a search for hyperparameters is judged by."""

    @abstractmethod
    def decide(self, training: Training, seed: int, look: Look) -> Decision:
        """Decide whether the new model may answer instead of the champion, with which this is that look."""


def too_few(rows: int, outcomes: Sequence[bool]) -> bool:
    """Return whether there are too few rows, or too few of an outcome, to compare two models by."""
    return rows < FRESH or min(sum(outcomes), len(outcomes) - sum(outcomes)) < FRESH_RARER
