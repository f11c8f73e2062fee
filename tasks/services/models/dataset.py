"""What every kind of training has in common: rows to learn from, and what a newcomer has to beat."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml.leads import Training
from ml.profiles import FeatureMatrix
from ml.training.promotion import Decision
from tasks.services.models import model_registry

#: rows, and of each outcome, that a champion must not have seen before a newcomer can be compared with it
FRESH, FRESH_RARER = 100, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset(ABC):
    """What there is to learn from, and the scorer that a new model has to beat."""

    #: in whose registry the model belongs
    owner: str
    matrix: FeatureMatrix
    #: each tenant's leads that are learnt from
    lead_ids: Mapping[str, tuple[str, ...]]
    fingerprint: str
    champion: model_registry.Serving
    missing: Mapping[str, int]
    #: what the report says of the rows
    facts: Mapping[str, Any]

    @property
    @abstractmethod
    def truth(self) -> tuple[bool, ...]:
        """The outcomes that are learnt from, in the order of what is said out of fold."""

    @abstractmethod
    def learn(self, seed: int) -> Training:
        """Train on every row."""

    @abstractmethod
    def decide(self, training: Training, seed: int) -> Decision:
        """Whether the newcomer may answer instead of what answers now."""


def too_few(rows: int, outcomes: Sequence[bool]) -> bool:
    """Whether there are too few rows, or too few of an outcome, to compare two models by."""
    return rows < FRESH or min(sum(outcomes), len(outcomes) - sum(outcomes)) < FRESH_RARER
