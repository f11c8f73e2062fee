"""How the rows of a tenant become what the members of an ensemble read: decided over training rows only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ml.ensemble.column_types import Codes, kind_of, unfit
from ml.ensemble.encoding import Category, Numbers, plan_category, plan_numbers
from ml.profiles import FeatureMatrix
from ml.training.calibration import Bools, Floats

#: rows that a level, or the absence of a value, needs for a weight of its own
MIN_ROWS = 10
#: levels of a category beyond these are one `other`
MOST_LEVELS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRows:
    """Rows as read by a plan: numbers as they are, categories as codes."""

    #: [rows, numeric features], NaN where missing
    found: Floats
    #: one array a category: codes into levels, other, missing
    codes: tuple[Codes, ...]
    #: [rows, features], numbers first
    known: Bools

    def __len__(self) -> int:
        return len(self.found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """Which features count and how each is read."""

    numbers: Numbers
    categories: tuple[Category, ...]
    #: column -> why it is not learnt from
    dropped: Mapping[str, str]

    @property
    def features(self) -> tuple[str, ...]:
        """The features that count, numbers first."""
        return (*self.numbers.names, *(category.name for category in self.categories))

    def read(self, matrix: FeatureMatrix) -> EncodedRows:
        """Read rows."""
        where = matrix.positions()
        found = self.numbers.read(matrix, where)
        codes = tuple(category.read(matrix, where.get(category.name)) for category in self.categories)
        missing = [held == len(one.levels) + 1 for one, held in zip(self.categories, codes, strict=True)]
        return EncodedRows(found=found, codes=codes, known=~np.column_stack([np.isnan(found), *missing]))

    def terms(self, cells: EncodedRows) -> Floats:
        """Give what a linear model reads: [rows, terms]."""
        levels = [one.terms(held) for one, held in zip(self.categories, cells.codes, strict=True)]
        return np.hstack([self.numbers.terms(cells.found), *levels])[:, self.used()]

    def used(self) -> Bools:
        """Mark the terms that had rows enough."""
        return np.concatenate([self.numbers.used(), *(category.used for category in self.categories)])

    def inputs(self, cells: EncodedRows) -> NDArray[np.float32]:
        """Give what trees read, one column a feature: numbers, and levels by how frequent they are; NaN is missing."""
        inputs = np.column_stack([cells.found, *cells.codes]).astype(np.float32)
        inputs[~cells.known] = np.nan
        return inputs

    def state(self) -> dict[str, Any]:
        """Give it as plain values and arrays."""
        return {
            "numbers": {part.name: getattr(self.numbers, part.name) for part in fields(Numbers)},
            "categories": [{part.name: getattr(c, part.name) for part in fields(Category)} for c in self.categories],
            "dropped": dict(self.dropped),
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """Make it again from its `state`."""
        numbers = state["numbers"]
        return cls(
            numbers=Numbers(**(numbers | {"names": tuple(numbers["names"])})),
            categories=tuple(Category(**(c | {"levels": tuple(c["levels"])})) for c in state["categories"]),
            dropped=dict(state["dropped"]),
        )


def fit_preprocessing(
    matrix: FeatureMatrix, *, min_rows: int = MIN_ROWS, most_levels: int = MOST_LEVELS
) -> Preprocessing:
    """Decide over training rows which columns count and how they are read."""
    # the order of columns is an accident of the source and must not move a bit of the result
    names = sorted(matrix.columns)
    reasons = {name: unfit(matrix, name) for name in names}
    kinds = {name: kind_of(matrix, name) for name in names if reasons[name] is None}
    numeric = [name for name, kind in kinds.items() if kind == "number"]
    return Preprocessing(
        numbers=plan_numbers(matrix, numeric, min_rows=min_rows),
        categories=tuple(
            plan_category(matrix, name, min_rows=min_rows, most=most_levels)
            for name, kind in kinds.items()
            if kind == "category"
        ),
        dropped=dict(matrix.refused) | {name: reason for name, reason in reasons.items() if reason is not None},
    )
