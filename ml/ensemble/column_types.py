"""Read the columns of a feature matrix; decide the type of each and whether a model may use it.

The kind of a tenant's own column is decided once, over the training rows, and kept with the model: a column that holds
a stray text among numbers, or the other way round, is read the same way when a single lead is scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.features.catalogue import COLUMN, CUSTOM, FEATURES, FOLLOWS_OUTCOME, OF_ONE_LANGUAGE
from ml.features.prohibited import refusal
from ml.profiles import FeatureMatrix, Value

Kind = Literal["number", "category"]

#: share of the known values that are numbers in a numeric column
NUMERIC_SHARE = 0.95
#: share of the known values that differ in a column of identifiers, and the rows from which that says something
DISTINCT_SHARE, DISTINCT_ROWS = 0.9, 30
#: running numbers lie densely: their range is below this many times their count
DENSE = 100
#: share of missing values from which a column set by the course of the deal is not learnt from, or one that is read in
#: one language only
ABSENT_SHARE = 0.05


def numbers(matrix: FeatureMatrix, name: str) -> Floats:
    """Return a column's numbers; NaN for texts and for what is missing."""
    index = matrix.positions().get(name)
    if index is None:
        return np.full(len(matrix), np.nan)
    return read_numbers(matrix, name, index)


def read_numbers(matrix: FeatureMatrix, name: str, index: int) -> Floats:
    """Return the numbers of the column at `index`."""
    cells = matrix.values[:, index].astype(np.float64)
    levels = matrix.levels.get(name)
    if levels is None:
        return cells
    table = np.array([np.nan if isinstance(level, str) else level for level in levels] + [np.nan])
    return table[_places(cells)]


def read_codes(matrix: FeatureMatrix, name: str, code_of: Mapping[str, int], other: int) -> Ints:
    """Return the codes of a column's levels as a model has them: `other` for one it has not, then missing."""
    return read_codes_at(matrix, name, matrix.positions().get(name), code_of, other)


def read_codes_at(matrix: FeatureMatrix, name: str, index: int | None, code_of: Mapping[str, int], other: int) -> Ints:
    """Return the codes of the column at `index`; all are missing where it is None."""
    if index is None:
        return np.full(len(matrix), other + 1, dtype=np.intp)
    cells = matrix.values[:, index].astype(np.float64)
    levels = matrix.levels.get(name)
    if levels is None:
        distinct, places = np.unique(cells, return_inverse=True)
        levels = tuple(distinct[~np.isnan(distinct)].tolist())
        cells = np.where(np.isnan(cells), np.nan, places)
    table = np.array([code_of.get(as_text(level), other) for level in levels] + [other + 1], dtype=np.intp)
    return table[_places(cells)]


def as_text(level: Value) -> str:
    """Return a level as text; numbers as they were before they became float32."""
    return level if isinstance(level, str) else format(level, ".7g")


def kind_of(matrix: FeatureMatrix, name: str) -> Kind:
    """Return whether a column is numeric or a category, judged over all rows of `matrix`."""
    if name in FEATURES:
        return "category" if FEATURES[name].kind == "category" else "number"
    values = numbers(matrix, name)
    is_present = ~np.isnan(matrix.values[:, matrix.positions()[name]])
    return "number" if np.isfinite(values).sum() >= NUMERIC_SHARE * max(1, is_present.sum()) else "category"


def unusable_reason(matrix: FeatureMatrix, name: str) -> str | None:
    """Return why a model must not use a column; None when it may."""
    cells = matrix.values[:, matrix.positions()[name]]
    present = cells[~np.isnan(cells)]
    if name.startswith(CUSTOM) and (reason := refusal(name.removeprefix(CUSTOM))) is not None:
        return f"may not be a feature: {reason}"
    if not len(present):
        return "no value at all"
    if len(present) == len(cells) and (present == present[0]).all():
        return "the same value everywhere"
    if name in FOLLOWS_OUTCOME and len(present) < (1 - ABSENT_SHARE) * len(cells):
        return f"missing in {1 - len(present) / len(cells):.0%} of rows: its absence may tell the outcome"
    if name in OF_ONE_LANGUAGE and (unread := _unread_share(matrix)) > ABSENT_SHARE:
        return f"read in one language: of {unread:.0%} of those who wrote nothing could be read, which tells theirs"
    foreign = name.startswith((CUSTOM, COLUMN))
    return "an identifier: nearly every value differs" if foreign and _identifies(matrix, name) else None


def _unread_share(matrix: FeatureMatrix) -> float:
    """Return the share of the leads with messages of whose messages no sentiment could be read; 0 without any."""
    wrote = ~np.isnan(numbers(matrix, "messages_read"))
    return float(np.isnan(numbers(matrix, "polarity")[wrote]).mean()) if wrote.any() else 0.0


def _identifies(matrix: FeatureMatrix, name: str) -> bool:
    cells = matrix.values[:, matrix.positions()[name]]
    present = cells[~np.isnan(cells)]
    distinct = len(np.unique(present))
    if len(present) < DISTINCT_ROWS or distinct < DISTINCT_SHARE * len(present):
        return False
    return kind_of(matrix, name) == "category" or _runs(numbers(matrix, name), distinct)


def _runs(values: Floats, distinct: int) -> bool:
    values = values[np.isfinite(values)]
    whole = bool((values == np.round(values)).all())
    return whole and distinct == len(values) and bool(np.ptp(values) < DENSE * len(values))


def _places(cells: Floats) -> Ints:
    # -1 picks the last entry of a table, which stands for missing
    return np.where(np.isnan(cells), -1.0, cells).astype(np.intp)


def mask(flags: list[bool]) -> Bools:
    """Return flags as an array, also when there are none."""
    return np.array(flags, dtype=np.bool_)
