"""Encode a tenant's rows for the members of an ensemble; the encoding is fitted on training rows only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from ml.arrays import Bools, Floats, Floats32, Ints, ModelState
from ml.ensemble.column_types import kind_of, unusable_reason
from ml.ensemble.encoding import Category, Numbers, fit_category, fit_numbers
from ml.profiles import FeatureMatrix

#: rows that a level, or the absence of a value, needs for a weight of its own
MIN_ROWS = 10
#: levels of a category beyond these are one `other`
MOST_LEVELS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRows:
    """Encoded rows: numbers as they are, categories as codes."""

    #: [rows, numeric features], NaN where missing
    numeric_cells: Floats
    #: one array a category: codes into levels, other, missing
    codes: tuple[Ints, ...]
    #: [rows, features], numbers first
    known: Bools

    def __len__(self) -> int:
        return len(self.numeric_cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """The features that a model uses and how each is encoded."""

    numbers: Numbers
    categories: tuple[Category, ...]
    #: column -> why it is not learnt from
    dropped: Mapping[str, str]

    @property
    def features(self) -> tuple[str, ...]:
        """Return the features that count, numbers first."""
        return (*self.numbers.names, *(category.name for category in self.categories))

    def transform(self, matrix: FeatureMatrix) -> EncodedRows:
        """Return the rows encoded."""
        positions = matrix.positions()
        numeric_cells = self.numbers.transform(matrix, positions)
        codes = tuple(category.transform(matrix, positions.get(category.name)) for category in self.categories)
        missing = [
            column_codes == len(category.levels) + 1
            for category, column_codes in zip(self.categories, codes, strict=True)
        ]
        return EncodedRows(
            numeric_cells=numeric_cells, codes=codes, known=~np.column_stack([np.isnan(numeric_cells), *missing])
        )

    def terms(self, cells: EncodedRows) -> Floats:
        """Return the terms of the linear model: [rows, terms]."""
        levels = [
            category.terms(column_codes) for category, column_codes in zip(self.categories, cells.codes, strict=True)
        ]
        return np.hstack([self.numbers.terms(cells.numeric_cells), *levels])[:, self.used()]

    def used(self) -> Bools:
        """Return which terms had enough rows."""
        return np.concatenate([self.numbers.used(), *(category.used for category in self.categories)])

    def inputs(self, cells: EncodedRows) -> Floats32:
        """Return the inputs of trees, one column a feature: numbers, and levels by frequency; NaN is missing."""
        inputs = np.column_stack([cells.numeric_cells, *cells.codes]).astype(np.float32)
        inputs[~cells.known] = np.nan
        return inputs

    def state(self) -> ModelState:
        """Return the preprocessing as plain values and arrays."""
        return {
            "numbers": {part.name: getattr(self.numbers, part.name) for part in fields(Numbers)},
            "categories": [{part.name: getattr(c, part.name) for part in fields(Category)} for c in self.categories],
            "dropped": dict(self.dropped),
        }

    @classmethod
    def restore(cls, state: ModelState) -> Self:
        """Return the preprocessing that gave this `state`."""
        numbers = state["numbers"]
        return cls(
            numbers=Numbers(**(numbers | {"names": tuple(numbers["names"])})),
            categories=tuple(Category(**(c | {"levels": tuple(c["levels"])})) for c in state["categories"]),
            dropped=dict(state["dropped"]),
        )


def fit_preprocessing(
    matrix: FeatureMatrix, *, min_rows: int = MIN_ROWS, most_levels: int = MOST_LEVELS
) -> Preprocessing:
    """Choose the columns to use and fit their encoding on training rows."""
    # the order of columns is an accident of the source and must not move a bit of the result
    names = sorted(matrix.columns)
    reasons = {name: unusable_reason(matrix, name) for name in names}
    kinds = {name: kind_of(matrix, name) for name in names if reasons[name] is None}
    numeric = [name for name, kind in kinds.items() if kind == "number"]
    return Preprocessing(
        numbers=fit_numbers(matrix, numeric, min_rows=min_rows),
        categories=tuple(
            fit_category(matrix, name, min_rows=min_rows, most=most_levels)
            for name, kind in kinds.items()
            if kind == "category"
        ),
        dropped=dict(matrix.refused) | {name: reason for name, reason in reasons.items() if reason is not None},
    )
