"""Training the churn model of labels: on those whose outcome is known, judged lead by lead, with its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil

import numpy as np

from domain.risk import RISK_LEVELS
from ml.arrays import Floats
from ml.churn.indicators import measure
from ml.churn.labels import Label
from ml.churn.risk import levels_of
from ml.churn.scorecard import probabilities
from ml.churn.scorer import ChurnScorer
from ml.churn.survival import fit_curves
from ml.ensemble.cross_validation import FOLDS, Progress
from ml.ensemble.options import USUAL, EnsembleOptions
from ml.errors import LabelsError
from ml.leads import MIN_LABELLED, MIN_OF_EACH, Gate, Training
from ml.leads import train as train_scorer
from ml.profiles import FeatureMatrix, LeadProfile
from ml.urgency import THRESHOLDS

#: changes when the same data would give another model
METHOD = "2"
#: rows that a training takes at most; with more leads each has fewer dates, spread over all of the time
MOST_ROWS = 20_000
#: outcomes that say nothing of how long leads last: the agent's doing, or nobody's
_UNFOLLOWED = frozenset({"neglected", "gone"})


def gate(labels: Sequence[Label]) -> Gate:
    """Return whether labels suffice for an own model, and else what is missing: leads, each counted once an outcome."""
    cold = {label.lead_id for label in labels if label.churned is True}
    active = {label.lead_id for label in labels if label.churned is False}
    shortfalls = {
        "labelled": MIN_LABELLED - len(cold | active),
        "gone_cold": MIN_OF_EACH - len(cold),
        "kept": MIN_OF_EACH - len(active),
    }
    missing = {name: count for name, count in shortfalls.items() if count > 0}
    return Gate(ok=not missing, missing=missing)


def thinned(dates: Sequence[datetime], leads: int, number: int) -> Sequence[datetime]:
    """Return the dates at which the lead of a number is looked at, so that many leads make no more than `MOST_ROWS`."""
    stride = max(1, ceil(leads * len(dates) / MOST_ROWS))
    return dates[number % stride :: stride]


def known_rows(labels: Sequence[Label]) -> list[int]:
    """Return the places of the labels that teach a classifier something."""
    return [row for row, label in enumerate(labels) if label.churned is not None]


def scorecard_probabilities(
    profiles: Sequence[LeadProfile], matrix: FeatureMatrix, thresholds: Mapping[str, float] = THRESHOLDS
) -> Floats:
    """Return what the written scorecard says of snapshots: what a model has to beat."""
    return probabilities(measure(profiles, matrix, thresholds={**THRESHOLDS, **thresholds}))


def train(
    matrix: FeatureMatrix,
    labels: Sequence[Label],
    *,
    seed: int,
    folds: int = FOLDS,
    options: EnsembleOptions = USUAL,
    progress: Progress | None = None,
) -> Training:
    """Train the churn model; `matrix` holds the features of each label's snapshot, in the same order.

    Snapshots of one lead are never on both sides of a fold, and whoever is followed counts at the level that a model
    gave it that had not seen it. `options` fixes hyperparameters of members. Raises LabelsError where labels and rows
    differ in number or outcomes are too few.
    """
    if len(labels) != len(matrix):
        raise LabelsError("labels and rows differ in number; give the features of each label's snapshot")
    learnable = known_rows(labels)
    _, leads = np.unique([label.lead_id for label in labels], return_inverse=True)
    truth = np.array([bool(labels[row].churned) for row in learnable], dtype=np.bool_)
    scorer = ChurnScorer()
    training = train_scorer(
        matrix.take(learnable),
        truth,
        seed=seed,
        folds=folds,
        options=options,
        progress=progress,
        scorer=scorer,
        groups=leads[learnable],
    )
    risks = scorer.quick(matrix)
    risks[learnable] = training.out_of_fold
    followed = [row for row, label in enumerate(labels) if label.outcome not in _UNFOLLOWED]
    scorer.curves_ = fit_curves([labels[row] for row in followed], levels_of(risks[followed]), count=len(RISK_LEVELS))
    return training
