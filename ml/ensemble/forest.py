"""The random-forest member: scikit-learn trains it, Hearth stores its trees as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.arrays import Bools, Floats
from ml.ensemble.options import USUAL, EnsembleOptions
from ml.ensemble.trees import GrownTree, Inputs, Trees, join

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree._tree import Tree

TREES = 60
#: rows that a tree sees at most
MOST_ROWS = 10_000
#: a leaf holds at least this share of the rows of a tree: bounds the size of the model
_LEAF_SHARE, _SMALLEST_LEAF, _DEEPEST = 1 / 500, 5, 10


def fit(inputs: Inputs, labels: Bools, *, seed: int, fixed: EnsembleOptions = USUAL) -> Trees:
    """Fit the forest; the trees' values are shares of the probability, so that they add up to it."""
    model = _model(len(labels), seed, fixed).fit(inputs, labels)
    return join([_as_arrays(tree.tree_, len(model.estimators_)) for tree in model.estimators_], width=inputs.shape[1])


def validation_probabilities(
    inputs: Inputs, labels: Bools, validation: Inputs, *, seed: int, fixed: EnsembleOptions = USUAL
) -> Floats:
    """Fit the forest and return the probabilities of the validation rows."""
    probabilities: Floats = _model(len(labels), seed, fixed).fit(inputs, labels).predict_proba(validation)[:, 1]
    return probabilities


def _model(rows: int, seed: int, fixed: EnsembleOptions) -> RandomForestClassifier:
    from sklearn.ensemble import RandomForestClassifier

    sample = min(rows, MOST_ROWS)
    return RandomForestClassifier(
        fixed.forest_trees or TREES,
        max_samples=sample,
        min_samples_leaf=fixed.forest_smallest_leaf or max(_SMALLEST_LEAF, round(sample * _LEAF_SHARE)),
        max_depth=fixed.forest_depth or _DEEPEST,
        max_features=fixed.forest_features_share or 0.4,
        random_state=seed,
        n_jobs=1,
    )


def _as_arrays(tree: Tree, trees: int) -> GrownTree:
    places, leaf = np.arange(tree.node_count), tree.children_left < 0
    return GrownTree(
        left=np.where(leaf, places, tree.children_left),
        right=np.where(leaf, places, tree.children_right),
        feature=np.where(leaf, 0, tree.feature),
        threshold=np.where(leaf, 0.0, tree.threshold),
        missing_left=tree.missing_go_to_left.astype(np.bool_),
        value=tree.value[:, 0, 1] / trees,
        rows=tree.weighted_n_node_samples,
    )
