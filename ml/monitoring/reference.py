"""The reference of a model: how its features and scores were spread in training, and how wrong it was in each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.profiles import FeatureMatrix, Value

#: parts of equal count that a numeric feature is cut into
PARTS: Final = 10
#: most levels of a text feature that have a part of their own; the others share one
LEVELS: Final = 15
#: rows that a level must have for a part of its own: a rarer one could name a person
KNOWN_OF: Final = 10
#: name under which the model's own score is watched beside its features
SCORE: Final = "score"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How one feature was spread over its parts: ranges of numbers, or levels, then other levels, then missing."""

    #: numeric: upper borders of all parts but the last, each belonging to its part; empty for levels
    borders: tuple[float, ...] = ()
    #: text: levels with a part of their own, most frequent first; empty for numbers, too
    levels: tuple[Value, ...] = ()
    #: rows in each part; the last two are other levels (always 0 for numbers) and missing
    counts: tuple[int, ...]
    #: mean squared error of the model in each part, 0 to 1; that of all rows where a part is empty
    losses: tuple[float, ...]

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return a spread from `dataclasses.asdict` of it, also after a way through JSON."""
        return cls(**{name: tuple(value) for name, value in stored.items()})

    def parts(self, cells: Sequence[Value | None]) -> Ints:
        """Return the part that each value falls into, from 0.

        >>> spread = Spread(borders=(1.0, 2.0), counts=(1, 1, 1, 0, 0), losses=(0.1,) * 5)
        >>> spread.parts([0.5, 1.0, 1.5, 9.0, None]).tolist()
        [0, 0, 1, 2, 4]
        >>> Spread(levels=("a",), counts=(1, 0, 0), losses=(0.1,) * 3).parts(["a", "new", None]).tolist()
        [0, 1, 2]
        """
        missing = len(self.counts) - 1
        if self.levels:
            places = {level: place for place, level in enumerate(self.levels)}
            return np.array([missing if cell is None else places.get(cell, missing - 1) for cell in cells], np.intp)
        # a text among numbers is another level
        numbers = np.array([cell if isinstance(cell, int | float) else np.nan for cell in cells], dtype=np.float64)
        places_of = np.searchsorted(np.asarray(self.borders), numbers, side="left")
        texts = np.array([isinstance(cell, str) for cell in cells], dtype=np.bool_)
        return np.where(texts, missing - 1, np.where(np.isnan(numbers), missing, places_of)).astype(np.intp)

    def count(self, cells: Sequence[Value | None]) -> tuple[int, ...]:
        """Return how many values fall into each part."""
        return tuple(np.bincount(self.parts(cells), minlength=len(self.counts)).tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What later data of a model is compared with. Stored in its report as JSON."""

    rows: int
    #: feature -> how it was spread
    features: Mapping[str, Spread]
    #: the model's out-of-fold probabilities
    score: Spread
    #: mean squared error out of fold, and the one to be expected where these probabilities are true
    brier: float
    expected_brier: float

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return a reference from its `to_json`."""
        features = {name: Spread.from_json(spread) for name, spread in stored["features"].items()}
        return cls(**{**stored, "features": features, "score": Spread.from_json(stored["score"])})

    def to_json(self) -> dict[str, Any]:
        """Return it as finite JSON, some kilobytes; losses are kept to four digits."""
        return asdict(self)


def reference_of(
    matrix: FeatureMatrix, labels: Sequence[bool] | Bools, probabilities: Sequence[float] | Floats
) -> Reference:
    """Return the reference of a model: `probabilities` are out of fold, rows in one order.

    >>> matrix = FeatureMatrix.from_rows([{"showings": float(row % 4)} for row in range(40)])
    >>> made = reference_of(matrix, [row % 2 == 0 for row in range(40)], [0.5] * 40)
    >>> made.features["showings"].borders, made.features["showings"].counts, made.brier
    ((0.0, 1.0, 2.0), (10, 10, 10, 10, 0, 0), 0.25)
    """
    truth, said = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    losses = (said - truth) ** 2
    features = {}
    for place, name in enumerate(matrix.columns):
        column, levels = matrix.values[:, place], matrix.levels.get(name)
        features[name] = _of_levels(column, levels, losses) if levels else _of_numbers(column, losses)
    return Reference(
        rows=len(said),
        features=features,
        score=_of_numbers(said, losses),
        brier=round(float(losses.mean()), 6),
        expected_brier=round(float((said * (1 - said)).mean()), 6),
    )


def _of_numbers(column: np.ndarray[Any, Any], losses: Floats) -> Spread:
    values = column.astype(np.float64)
    known = values[~np.isnan(values)]
    # borders are values of the feature: equal values stay in one part
    inner = np.quantile(known, np.arange(1, PARTS) / PARTS, method="lower") if len(known) else np.zeros(0)
    borders = np.unique(inner)
    borders = borders[borders < known.max()] if len(known) else borders
    parts = np.where(np.isnan(values), len(borders) + 2, np.searchsorted(borders, values, side="left"))
    counts, means = _by_part(parts.astype(np.intp), len(borders) + 3, losses)
    return Spread(borders=tuple(borders.tolist()), counts=counts, losses=means)


def _of_levels(column: np.ndarray[Any, Any], levels: Sequence[Value], losses: Floats) -> Spread:
    missing = np.isnan(column)
    codes = np.where(missing, 0, column).astype(np.intp)
    often = np.bincount(codes[~missing], minlength=len(levels))
    kept = np.argsort(-often, kind="stable")[:LEVELS]
    kept = kept[often[kept] >= KNOWN_OF]
    place_of = np.full(len(levels), len(kept), dtype=np.intp)
    place_of[kept] = np.arange(len(kept))
    parts = np.where(missing, len(kept) + 1, place_of[codes])
    counts, means = _by_part(parts, len(kept) + 2, losses)
    return Spread(levels=tuple(levels[place] for place in kept), counts=counts, losses=means)


def _by_part(parts: Ints, number: int, losses: Floats) -> tuple[tuple[int, ...], tuple[float, ...]]:
    counts = np.bincount(parts, minlength=number)
    sums = np.bincount(parts, weights=losses, minlength=number)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), losses.mean() if len(losses) else 0.0)
    return tuple(counts.tolist()), tuple(np.round(means, 4).tolist())
