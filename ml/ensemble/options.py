"""Hyperparameters of the ensemble's members, for whoever searches for better ones than cross-validation tries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final

from ml.errors import OptionsError

#: option -> the smallest and the largest value that is accepted
LIMITS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "penalty": (1e-4, 1e3),
        "leaves": (2, 128),
        "rounds": (10, 1200),
        "learning_rate": (0.005, 0.5),
        "depth": (1, 16),
        "smallest_leaf": (1, 1000),
        "l2": (0.0, 100.0),
        "features_share": (0.05, 1.0),
        "forest_trees": (10, 200),
        "forest_depth": (1, 16),
        "forest_smallest_leaf": (1, 1000),
        "forest_features_share": (0.05, 1.0),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsembleOptions:
    """What members are fitted with; what is None is chosen as always, out of fold or by the number of rows.

    Every value lies within `LIMITS`. Raises OptionsError, which names the option.

    >>> EnsembleOptions(leaves=24, rounds=200).fixed()
    {'leaves': 24, 'rounds': 200}
    """

    #: scikit-learn's C of the linear member; small is strict
    penalty: float | None = None
    #: leaves of a boosted tree
    leaves: int | None = None
    #: boosted trees
    rounds: int | None = None
    #: how far each boosted tree is followed
    learning_rate: float | None = None
    #: questions on the way to a leaf of a boosted tree
    depth: int | None = None
    #: rows in a leaf of a boosted tree
    smallest_leaf: int | None = None
    #: how strongly leaves of boosted trees are drawn towards zero
    l2: float | None = None
    #: share of the features that each split of a boosted tree may choose from
    features_share: float | None = None
    #: trees of the random forest
    forest_trees: int | None = None
    #: questions on the way to a leaf of the forest
    forest_depth: int | None = None
    #: rows in a leaf of the forest
    forest_smallest_leaf: int | None = None
    #: share of the features that each split of the forest may choose from
    forest_features_share: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no member can be fitted with."""
        for name, value in self.fixed().items():
            low, high = LIMITS[name]
            if not (math.isfinite(value) and low <= value <= high):
                raise OptionsError(f"{name} must lie between {low:g} and {high:g}")

    def fixed(self) -> dict[str, float]:
        """Return the options that are not left to the usual choice."""
        return {name: value for name, value in asdict(self).items() if value is not None}


#: everything is chosen as always
USUAL: Final = EnsembleOptions()
