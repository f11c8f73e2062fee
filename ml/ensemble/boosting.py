"""The gradient-boosting member: scikit-learn trains it, Hearth stores its trees as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ml.arrays import Bools, Floats
from ml.ensemble.trees import GrownTree, Inputs, Trees, join

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

#: (leaves of a tree, trees): what is compared out of fold, simplest first
OPTIONS: Final = tuple((leaves, rounds) for leaves in (8, 16) for rounds in (50, 100, 200, 300))
#: with fewer rows each tree counts more, and fewer are grown; with more only the larger trees are tried
SMALL, LARGE = 5000, 30_000
_SLOW, _FAST, _FEWER = 0.04, 0.08, 2
_LARGER = 16
_DEEPEST = 8


def options(rows: int) -> tuple[tuple[int, int], ...]:
    """Return the options worth comparing at this number of rows."""
    if rows < SMALL:
        return tuple((leaves, rounds // _FEWER) for leaves, rounds in OPTIONS)
    return OPTIONS if rows < LARGE else tuple(option for option in OPTIONS if option[0] == _LARGER)


def staged_margins(
    inputs: Inputs, labels: Bools, validation: Inputs, options_tried: Sequence[tuple[int, int]], *, rows: int, seed: int
) -> Floats:
    """Return the log-odds of the validation rows for each option: [rows, options]; `rows` sets the learning rate."""
    columns: dict[tuple[int, int], Floats] = {}
    for leaves in dict.fromkeys(leaves for leaves, _ in options_tried):
        rounds_wanted = [rounds for each, rounds in options_tried if each == leaves]
        model = _model(leaves, max(rounds_wanted), rows, seed).fit(inputs, labels)
        for rounds_done, margin in enumerate(model.staged_decision_function(validation), 1):
            if rounds_done in rounds_wanted:
                columns[leaves, rounds_done] = margin.ravel()
    return np.column_stack([columns[option] for option in options_tried])


def fit(inputs: Inputs, labels: Bools, option: tuple[int, int], *, rows: int, seed: int) -> tuple[Trees, float]:
    """Fit it: the trees, and the log-odds that they add to."""
    model = _model(*option, rows, seed).fit(inputs, labels)
    # the one public way to what the model says before its first tree does not exist
    start = float(np.ravel(model._baseline_prediction)[0])  # noqa: SLF001
    grown = [_as_arrays(predictors[0].nodes) for predictors in model._predictors]  # noqa: SLF001
    return join(grown, width=inputs.shape[1]), start


def _model(leaves: int, rounds: int, rows: int, seed: int) -> HistGradientBoostingClassifier:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=rounds,
        learning_rate=_SLOW if rows >= SMALL else _FAST,
        max_leaf_nodes=leaves,
        max_depth=_DEEPEST,
        min_samples_leaf=20,
        l2_regularization=1.0,
        max_features=0.5,
        early_stopping=False,
        random_state=seed,
    )


def _as_arrays(nodes: NDArray[np.void]) -> GrownTree:
    places, leaf = np.arange(len(nodes)), nodes["is_leaf"].astype(np.bool_)
    return GrownTree(
        left=np.where(leaf, places, nodes["left"]),
        right=np.where(leaf, places, nodes["right"]),
        feature=np.where(leaf, 0, nodes["feature_idx"]),
        threshold=np.where(leaf, 0.0, nodes["num_threshold"]),
        missing_left=nodes["missing_go_to_left"].astype(np.bool_),
        value=nodes["value"].astype(np.float64),
        rows=nodes["count"].astype(np.float64),
    )
