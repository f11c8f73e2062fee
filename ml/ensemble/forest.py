"""The random-forest member: scikit-learn grows it, Hearth keeps its trees as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from ml.ensemble.trees import Grown, Inputs, Trees, join
from ml.training.calibration import Bools, Floats

TREES = 60
#: rows that a tree sees at most
MOST_ROWS = 10_000
#: a leaf holds at least this share of the rows of a tree: bounds the size of the model
_LEAF_SHARE, _SMALLEST_LEAF, _DEEPEST = 1 / 500, 5, 10


def fit(inputs: Inputs, labels: Bools, *, seed: int) -> Trees:
    """Fit it; the trees' values are shares of the probability, so that they add up to it."""
    model = _model(len(labels), seed).fit(inputs, labels)
    return join([_grown(one.tree_, len(model.estimators_)) for one in model.estimators_], width=inputs.shape[1])


def held_out(inputs: Inputs, labels: Bools, held: Inputs, *, seed: int) -> Floats:
    """Fit it and give the probabilities of the held rows."""
    said: Floats = _model(len(labels), seed).fit(inputs, labels).predict_proba(held)[:, 1]
    return said


def _model(rows: int, seed: int) -> Any:
    seen = min(rows, MOST_ROWS)
    return RandomForestClassifier(
        TREES,
        max_samples=seen,
        min_samples_leaf=max(_SMALLEST_LEAF, round(seen * _LEAF_SHARE)),
        max_depth=_DEEPEST,
        max_features=0.4,
        random_state=seed,
        n_jobs=1,
    )


def _grown(tree: Any, trees: int) -> Grown:
    places, leaf = np.arange(tree.node_count), tree.children_left < 0
    return Grown(
        left=np.where(leaf, places, tree.children_left),
        right=np.where(leaf, places, tree.children_right),
        feature=np.where(leaf, 0, tree.feature),
        threshold=np.where(leaf, 0.0, tree.threshold),
        missing_left=tree.missing_go_to_left.astype(np.bool_),
        value=tree.value[:, 0, 1] / trees,
        rows=tree.weighted_n_node_samples,
    )
