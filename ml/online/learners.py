"""Build the eight River learners from their settings (`learners.toml`), and keep their trees within bounds."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

from river import ensemble, forest, linear_model, neighbors, optim, tree

from domain.learners import LEARNERS, LearnerType
from ml.errors import CatalogueError
from ml.language.patterns import read_data_file
from ml.online.gaussians import LeanGaussianNB, LeanSplitter

Input = Literal["scaled", "raw"]
Row = Mapping[int, float]

#: signals after which the trees are looked at again
LOOK_EVERY = 500
#: bytes of a leaf in a stored tree: its own, and for each column that it watches, two classes
_LEAF_BYTES, _COLUMN_BYTES = 1_000, 450
#: a leaf that waits for so many rows never splits
_NEVER = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerSettings:
    """What `learners.toml` says of one learner."""

    input: Input
    #: what the builder of the learner reads
    options: Mapping[str, float]
    #: bytes that one of its trees may take when stored; None for learners without trees
    tree_bytes: int | None = None


Builder = Callable[[Mapping[str, float], int], Any]

_BUILDERS: Mapping[LearnerType, Builder] = MappingProxyType(
    {
        "logistic_regression": lambda options, _: linear_model.LogisticRegression(
            optim.SGD(options["learning_rate"]), l2=options["l2"], intercept_lr=options["learning_rate"]
        ),
        "passive_aggressive": lambda options, _: linear_model.PAClassifier(C=options["aggressiveness"], mode=1),
        "gaussian_nb": lambda _, __: LeanGaussianNB(),
        "knn": lambda options, _: neighbors.KNNClassifier(
            n_neighbors=int(options["neighbours"]), engine=neighbors.LazySearch(window_size=int(options["window"]))
        ),
        "hoeffding_tree": lambda options, _: tree.HoeffdingTreeClassifier(
            grace_period=int(options["grace_period"]), splitter=LeanSplitter()
        ),
        "hoeffding_adaptive_tree": lambda options, seed: tree.HoeffdingAdaptiveTreeClassifier(
            grace_period=int(options["grace_period"]), splitter=LeanSplitter(), seed=seed
        ),
        "adaptive_random_forest": lambda options, seed: forest.ARFClassifier(
            n_models=int(options["trees"]),
            grace_period=int(options["grace_period"]),
            splitter=LeanSplitter(),
            seed=seed,
        ),
        "adwin_bagging": lambda options, seed: ensemble.ADWINBaggingClassifier(
            tree.HoeffdingTreeClassifier(grace_period=int(options["grace_period"]), splitter=LeanSplitter()),
            n_models=int(options["trees"]),
            seed=seed,
        ),
    }
)


@cache
def shipped() -> Mapping[LearnerType, LearnerSettings]:
    """Return the settings that ship, in the order of LEARNERS."""
    return read_settings(read_data_file("ml.online", "learners.toml"))


def read_settings(text: str) -> Mapping[LearnerType, LearnerSettings]:
    """Read settings; raises CatalogueError for a learner that is missing or not known, or an input that is neither."""
    tables = {name: table for name, table in tomllib.loads(text).items() if isinstance(table, dict)}
    if tables.keys() != set(LEARNERS):
        raise CatalogueError(f"learners.toml: sections must be {', '.join(LEARNERS)}")
    return MappingProxyType({name: _settings(name, tables[name]) for name in LEARNERS})


def build(seed: int) -> dict[LearnerType, Any]:
    """Return the eight learners, untrained; those that draw random numbers draw them from `seed`.

    >>> list(build(0)) == list(LEARNERS)
    True
    """
    return {name: _BUILDERS[name](settings.options, seed) for name, settings in shipped().items()}


def bound_growth(name: LearnerType, learner: Any, columns: int) -> None:
    """Let the trees of a learner split only as long as their leaves fit into the bytes of its settings.

    A tree that loses leaves, as an adaptive one does after a drift, may grow again. `columns` is the width of its rows.
    """
    settings = shipped()[name]
    if settings.tree_bytes is None:
        return
    watched = round(math.sqrt(columns)) if name == "adaptive_random_forest" else columns
    most = max(2, settings.tree_bytes // (_LEAF_BYTES + _COLUMN_BYTES * max(1, watched)))
    for each in trees_of(learner):
        each.grace_period = int(settings.options["grace_period"]) if (each.n_leaves or 0) < most else _NEVER


def trees_of(learner: Any) -> Iterator[Any]:
    """Yield the trees of a learner: itself, its members, and those that a forest grows in the background."""
    members: Iterable[Any] = learner.models if hasattr(learner, "models") else [learner]
    for member in [*members, *(getattr(learner, "_background", None) or [])]:
        if isinstance(member, tree.HoeffdingTreeClassifier):
            yield member


def _settings(name: str, table: Mapping[str, Any]) -> LearnerSettings:
    options = dict(table)
    read = options.pop("input", None)
    if read not in ("scaled", "raw"):
        raise CatalogueError(f"learners.toml, {name}, input: must be scaled or raw")
    return LearnerSettings(input=read, tree_bytes=options.pop("tree_bytes", None), options=MappingProxyType(options))
