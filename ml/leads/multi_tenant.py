"""Train on several tenants at once without revealing one to another.

Only what every tenant means alike goes into such a model: the features of the catalogue, and of the categories only
levels that are written here. A tenant's own columns, its sources and campaigns by name, and what it called anything
stay out of the rows, the artifact and the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from domain.closed_leads import MIN_LABELLED, MIN_OF_EACH
from domain.leads import SCORED_LEAD_TYPES
from ml.arrays import Floats, Floats32
from ml.ensemble.explained import Explained
from ml.features.catalogue import FEATURES
from ml.features.contextual import normalised_level
from ml.leads import LeadScore, LeadScorer
from ml.leads.scorecard import LEVELS
from ml.profiles import FeatureMatrix

#: tenants that a shared model needs, so that none can be told from it
TENANTS = 3
#: parts that tenants are held out in
PARTS = 5

_PROPERTIES = ("apartment", "commercial", "condo", "house", "land", "multi family", "single family", "townhouse")
#: category -> the levels that mean the same everywhere; other categories are left out
VOCABULARY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "lead_type": tuple(sorted(SCORED_LEAD_TYPES)),
        "preapproval": tuple(sorted(LEVELS["preapproval"])),
        "property_type": _PROPERTIES,
        "source": tuple(sorted(LEVELS["source"])),
        "stage": tuple(sorted({*LEVELS["stage"], "contacted"})),
        "timeline": tuple(sorted(LEVELS["timeline"])),
    }
)


@dataclass(frozen=True, slots=True)
class PooledScorer:
    """A scorer trained on several tenants; it uses only the features that all of them share."""

    scorer: LeadScorer

    def score(self, matrix: FeatureMatrix, *, explain: int = 3) -> list[LeadScore]:
        """Score leads, each with up to `explain` reasons for and against it."""
        return self.scorer.score(shared_features(matrix), explain=explain)

    def log_odds(self, matrix: FeatureMatrix) -> Floats:
        """Return each lead's log-odds."""
        return self.scorer.log_odds(shared_features(matrix))

    def explained(self, matrix: FeatureMatrix) -> Explained:
        """Return what each feature contributes to each lead's log-odds."""
        return self.scorer.explained(shared_features(matrix))


def shared_features(matrix: FeatureMatrix) -> FeatureMatrix:
    """Return the features that mean the same for every tenant.

    >>> rows = [{"showings": 2.0, "source": "Referral", "campaign": "spring", "custom:Pool": "yes"}]
    >>> shared_features(FeatureMatrix.from_rows(rows)).to_rows()
    [{'showings': 2.0, 'source': 'referral'}]
    >>> shared_features(FeatureMatrix.from_rows([{"source": "uncle bob"}])).to_rows()
    [{'source': None}]
    """
    names = [name for name in matrix.columns if name in FEATURES and _means_alike(name)]
    selected = matrix.select(names)
    values = selected.values.copy()
    for index, name in enumerate(selected.columns):
        if name in VOCABULARY:
            values[:, index] = _codes(selected, index, VOCABULARY[name])
        elif name in selected.levels:
            values[:, index] = np.nan
    return FeatureMatrix(
        columns=selected.columns, values=values, levels={name: VOCABULARY[name] for name in names if name in VOCABULARY}
    )


def wanting(labels: Sequence[bool], tenants: int) -> dict[str, int]:
    """Return what is missing for a shared model; empty when nothing is.

    >>> wanting([True] * 50 + [False] * 200, 2)
    {'tenants': 1}
    """
    won = sum(labels)
    lacking = {
        "tenants": TENANTS - tenants,
        "labelled": MIN_LABELLED - len(labels),
        "won": MIN_OF_EACH - won,
        "lost": MIN_OF_EACH - (len(labels) - won),
    }
    return {name: count for name, count in lacking.items() if count > 0}


def fair_share(sizes: Mapping[str, int]) -> dict[str, int]:
    """Return how many rows of each tenant count, so that no single one is more than half of all.

    >>> fair_share({"a": 900, "b": 100, "c": 50})
    {'a': 150, 'b': 100, 'c': 50}
    """
    total = sum(sizes.values())
    return {name: min(size, total - size) for name, size in sizes.items()}


def leave_tenant_out(
    matrix: FeatureMatrix, labels: Sequence[bool], tenants: Sequence[str], *, seed: int
) -> tuple[float, ...]:
    """Return each row's probability from a scorer trained without its tenant: what a new tenant would get."""
    from sklearn.model_selection import GroupKFold

    truth = np.asarray(labels, dtype=np.bool_)
    probabilities = np.empty(len(truth))
    parts = GroupKFold(min(PARTS, len(set(tenants))))
    for train_rows, test_rows in parts.split(truth, truth, np.asarray(tenants)):
        scorer = LeadScorer().fit(matrix.take(train_rows), truth[train_rows], seed=seed)
        probabilities[test_rows] = scorer.probabilities(matrix.take(test_rows))
    return tuple(probabilities.tolist())


def _means_alike(name: str) -> bool:
    return FEATURES[name].kind != "category" or name in VOCABULARY


def _codes(matrix: FeatureMatrix, index: int, written: tuple[str, ...]) -> Floats32:
    levels = matrix.levels.get(matrix.columns[index], ())
    places = [
        written.index(plain) if (plain := normalised_level(str(level))) in written else np.nan for level in levels
    ]
    table = np.array([*places, np.nan], dtype=np.float32)
    cells = matrix.values[:, index]
    unknown = np.isnan(cells) | (not levels)
    codes: Floats32 = table[np.where(unknown, -1.0, cells).astype(np.intp)]
    return codes
