"""The gradient-boosting member: scikit-learn trains it, Hearth stores its trees as arrays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.arrays import Bools, Floats
from ml.ensemble.options import USUAL, EnsembleOptions
from ml.ensemble.trees import GrownTree, Inputs, Trees, join

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

#: share of the features that a split chooses from, where nothing speaks for all of them
SHARE: Final = 0.5


class Option(NamedTuple):
    """How large the boosted trees are, how many, and what each of their splits may ask."""

    #: leaves of a tree
    leaves: int
    #: trees
    rounds: int
    #: share of the features that a split chooses from
    share: float = SHARE


#: what is compared out of fold, simplest first
OPTIONS: Final = tuple(Option(leaves, rounds) for leaves in (8, 16) for rounds in (50, 100, 200, 300))
#: larger trees, and more of them, for tables on which the largest or the most of `OPTIONS` were the best
LARGER_TREES: Final = (31, 63)
MORE_ROUNDS: Final = 600
#: with fewer rows each tree counts more, and fewer are grown; with more only the larger trees are tried
SMALL, LARGE = 5000, 30_000
_SLOW, _FAST, _FEWER = 0.04, 0.08, 2
_LARGER = 16
#: questions on the way to a leaf: of trees of up to 16 leaves, and of larger ones
_DEEPEST, _DEEPER = 8, 12


def options(rows: int, fixed: EnsembleOptions = USUAL) -> tuple[Option, ...]:
    """Return the options worth comparing at this number of rows; what is fixed stays as it is."""
    grid = OPTIONS if rows < LARGE else tuple(option for option in OPTIONS if option.leaves == _LARGER)
    share = fixed.features_share or SHARE
    return tuple(
        dict.fromkeys(
            Option(fixed.leaves or option.leaves, fixed.rounds or _rounds(option.rounds, rows), share)
            for option in grid
        )
    )


def beyond(tried: Collection[Option], best: Option, rows: int, fixed: EnsembleOptions = USUAL) -> tuple[Option, ...]:
    """Return what to try next where the best option lies on an upper edge of those tried; nothing where it does not.

    The edges move to 63 leaves and 600 trees and no further, so that the cost of a search is bounded. Where larger
    trees are tried first, they are also tried with every feature open to every split: what takes many features at
    once needs both.

    >>> tried = options(10_000)
    >>> beyond(tried, Option(8, 200), 10_000), beyond(tried, Option(8, 300), 10_000)
    ((), (Option(leaves=8, rounds=600, share=0.5),))
    >>> {(option.leaves, option.share) for option in beyond(tried, Option(16, 200), 10_000)} == {(31, 0.5), (31, 1.0)}
    True
    """
    counts = sorted({option.rounds for option in tried})
    if fixed.rounds is None and best.rounds == counts[-1] < (most := _rounds(MORE_ROUNDS, rows)):
        counts.append(most)
    trees = [(best.leaves, best.share)]
    if fixed.leaves is None and best.leaves == max(option.leaves for option in tried):
        larger = next((leaves for leaves in LARGER_TREES if leaves > best.leaves), best.leaves)
        is_first = larger == LARGER_TREES[0] and fixed.features_share is None
        trees += [(larger, share) for share in ((SHARE, 1.0) if is_first else (best.share,))]
    wanted = dict.fromkeys(Option(leaves, rounds, share) for leaves, share in trees for rounds in counts)
    return tuple(option for option in wanted if option not in tried)


def staged_margins(
    inputs: Inputs,
    labels: Bools,
    validation: Inputs,
    options_tried: Sequence[Option],
    *,
    rows: int,
    seed: int,
    fixed: EnsembleOptions = USUAL,
) -> Floats:
    """Return the log-odds of the validation rows for each option: [rows, options]; `rows` sets the learning rate."""
    columns: dict[Option, Floats] = {}
    for leaves, share in dict.fromkeys((option.leaves, option.share) for option in options_tried):
        rounds_wanted = [option.rounds for option in options_tried if (option.leaves, option.share) == (leaves, share)]
        model = _model(Option(leaves, max(rounds_wanted), share), rows, seed, fixed).fit(inputs, labels)
        for rounds_done, margin in enumerate(model.staged_decision_function(validation), 1):
            if rounds_done in rounds_wanted:
                columns[Option(leaves, rounds_done, share)] = margin.ravel()
    return np.column_stack([columns[option] for option in options_tried])


def fit(
    inputs: Inputs, labels: Bools, option: Option, *, rows: int, seed: int, fixed: EnsembleOptions = USUAL
) -> tuple[Trees, float]:
    """Fit it: the trees, and the log-odds that they add to."""
    model = _model(option, rows, seed, fixed).fit(inputs, labels)
    # the one public way to what the model says before its first tree does not exist
    start = float(np.ravel(model._baseline_prediction)[0])  # noqa: SLF001
    grown = [_as_arrays(predictors[0].nodes) for predictors in model._predictors]  # noqa: SLF001
    return join(grown, width=inputs.shape[1]), start


def _rounds(rounds: int, rows: int) -> int:
    return rounds // _FEWER if rows < SMALL else rounds


def _model(option: Option, rows: int, seed: int, fixed: EnsembleOptions) -> HistGradientBoostingClassifier:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=option.rounds,
        learning_rate=fixed.learning_rate or (_SLOW if rows >= SMALL else _FAST),
        max_leaf_nodes=option.leaves,
        max_depth=fixed.depth or (_DEEPEST if option.leaves <= _LARGER else _DEEPER),
        min_samples_leaf=fixed.smallest_leaf or 20,
        l2_regularization=1.0 if fixed.l2 is None else fixed.l2,
        max_features=option.share,
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
