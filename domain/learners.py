"""The learners that learn from each outcome as it comes, and the words people read for them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

LearnerType = Literal[
    "logistic_regression",
    "passive_aggressive",
    "gaussian_nb",
    "knn",
    "hoeffding_tree",
    "hoeffding_adaptive_tree",
    "adaptive_random_forest",
    "adwin_bagging",
]
LEARNERS: tuple[LearnerType, ...] = get_args(LearnerType)

LEARNER_LABELS: Mapping[LearnerType, str] = MappingProxyType(
    {
        "logistic_regression": "logistic regression",
        "passive_aggressive": "passive-aggressive classifier",
        "gaussian_nb": "Gaussian naive Bayes",
        "knn": "nearest neighbours",
        "hoeffding_tree": "Hoeffding tree",
        "hoeffding_adaptive_tree": "Hoeffding adaptive tree",
        "adaptive_random_forest": "adaptive random forest",
        "adwin_bagging": "ADWIN bagging",
    }
)
