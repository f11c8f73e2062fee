"""Training the churn model of labels: on those whose outcome is known, judged lead by lead, with its curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml.churn.labels import Label
from ml.churn.risk import LEVELS, levels_of
from ml.churn.scorer import ChurnScorer
from ml.churn.survival import follow
from ml.ensemble.learning import FOLDS, Progress
from ml.errors import LabelsError
from ml.leads import Training
from ml.leads import train as train_scorer
from ml.profiles import FeatureMatrix

#: changes when the same data would give another model
METHOD = "1"
#: outcomes that say nothing of how long leads last: the agent's doing, or nobody's
_UNFOLLOWED = frozenset({"neglected", "gone"})


def train(
    matrix: FeatureMatrix,
    labels: Sequence[Label],
    *,
    seed: int,
    folds: int = FOLDS,
    progress: Progress | None = None,
) -> Training:
    """Train the churn model; `matrix` holds the features of each label's snapshot, in the same order.

    Snapshots of one lead are never on both sides of a fold, and whoever is followed counts at the level that a model
    gave it that had not seen it. Raises LabelsError where labels and rows differ in number or outcomes are too few.
    """
    if len(labels) != len(matrix):
        raise LabelsError("labels and rows differ in number; give the features of each label's snapshot")
    known = [row for row, label in enumerate(labels) if label.churned is not None]
    _, leads = np.unique([label.lead_id for label in labels], return_inverse=True)
    truth = np.array([bool(labels[row].churned) for row in known], dtype=np.bool_)
    scorer = ChurnScorer()
    found = train_scorer(
        matrix.take(known), truth, seed=seed, folds=folds, progress=progress, scorer=scorer, groups=leads[known]
    )
    said = scorer.quick(matrix)
    said[known] = found.out_of_fold
    followed = [row for row, label in enumerate(labels) if label.outcome not in _UNFOLLOWED]
    scorer.curves_ = follow([labels[row] for row in followed], levels_of(said[followed]), count=len(LEVELS))
    return found
