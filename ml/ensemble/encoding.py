"""Encode columns as terms of a linear model, and turn its weights back into contributions of features.

Numbers are clipped to what was seen, logged where skewed, standardised, and bent at their quartiles; what is missing
takes the median and, where it was often missing, a weight of its own. Categories have a weight per frequent level.
Everything is elementwise, so that a lead alone gets bit for bit what it gets in a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.ensemble.column_types import as_text, mask, read_codes_at, read_numbers
from ml.profiles import FeatureMatrix

#: quantiles at which the effect of a number may bend
HINGES = (0.25, 0.5, 0.75)
#: fewer distinct values have no quartiles worth the name
DISTINCT_FOR_HINGES = 10
SKEWED = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The encoding of the numeric features: one entry per feature."""

    names: tuple[str, ...]
    logged: Bools
    #: bounds of what was seen in training
    low: Floats
    high: Floats
    mean: Floats
    scale: Floats
    #: the median, standardised
    fill: Floats
    #: [features, hinges], standardised; infinite where there is none
    knots: Floats
    #: often enough missing to have a weight for it
    gaps: Bools

    def transform(self, matrix: FeatureMatrix, where: Mapping[str, int]) -> Floats:
        """Return the numbers as they are: [leads, features]; `where` has the index of each column."""
        numbers = np.full((len(matrix), len(self.names)), np.nan)
        plain = [(place, where[name]) for place, name in enumerate(self.names) if name in where]
        if plain:
            places, indices = zip(*plain, strict=True)
            numbers[:, places] = matrix.values[:, indices]
        for place, index in plain:
            if self.names[place] in matrix.levels:
                numbers[:, place] = read_numbers(matrix, self.names[place], index)
        return numbers

    def standardised(self, numbers: Floats) -> Floats:
        """Return numbers as distances from the mean; the median where missing."""
        clipped = np.clip(numbers, self.low, self.high)
        clipped[:, self.logged] = np.log1p(np.ascontiguousarray(clipped[:, self.logged]))
        z: Floats = np.where(np.isnan(numbers), self.fill, (clipped - self.mean) / self.scale)
        return z

    def terms(self, numbers: Floats) -> Floats:
        """Return the terms [leads, parts * features]: the number, its hinges, whether it is missing."""
        z = self.standardised(numbers)
        hinges = [np.maximum(z - self.knots[:, hinge], 0.0) for hinge in range(self.knots.shape[1])]
        terms: Floats = np.hstack([z, *hinges, np.isnan(numbers).astype(np.float64)])
        return terms

    def used(self) -> Bools:
        """Return which terms exist."""
        flat = [np.isfinite(self.knots[:, hinge]) for hinge in range(self.knots.shape[1])]
        return np.concatenate([mask([True] * len(self.names)), *flat, self.gaps])

    def effects(self, numbers: Floats, weights: Floats) -> Floats:
        """Return what each feature adds: [leads, features]; `weights` is [parts, features], zero for unused terms."""
        z = self.standardised(numbers)
        total = z * weights[0]
        for hinge in range(self.knots.shape[1]):
            total = total + np.maximum(z - self.knots[:, hinge], 0.0) * weights[1 + hinge]
        effects: Floats = np.where(np.isnan(numbers), total + weights[-1], total)
        return effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """The encoding of one category."""

    name: str
    #: frequent levels, then come `other` and missing
    levels: tuple[str, ...]
    #: levels, other and missing that had rows enough for a weight
    used: Bools

    def transform(self, matrix: FeatureMatrix, index: int | None) -> Ints:
        """Return each lead's code into levels, other, missing, from the column at `index`."""
        return read_codes_at(matrix, self.name, index, _codes_of(self.levels), len(self.levels))

    def terms(self, codes: Ints) -> Floats:
        """Return one term per level, other and missing: 1 where a lead has it."""
        return np.eye(len(self.levels) + 2)[codes]


def fit_numbers(matrix: FeatureMatrix, names: Sequence[str], *, min_rows: int) -> Numbers:
    """Learn from training rows how to encode their numeric columns."""
    where = matrix.positions()
    numbers = [read_numbers(matrix, name, where[name]) for name in names]
    plans = [_fit_number(column) for column in numbers]
    absent = [int(np.isnan(column).sum()) for column in numbers]
    low, high, mean, scale, fill = (
        np.array([plan[part] for plan in plans], dtype=np.float64) for part in ("low", "high", "mean", "scale", "fill")
    )
    return Numbers(
        names=tuple(names),
        logged=mask([bool(plan["logged"]) for plan in plans]),
        low=low,
        high=high,
        mean=mean,
        scale=scale,
        fill=fill,
        knots=np.array([_knots(column, plan) for column, plan in zip(numbers, plans, strict=True)]).reshape(
            -1, len(HINGES)
        ),
        gaps=mask([min_rows <= missing <= len(matrix) - min_rows for missing in absent]),
    )


def fit_category(matrix: FeatureMatrix, name: str, *, min_rows: int, most: int) -> Category:
    """Learn from training rows which levels of a column are frequent."""
    index = matrix.positions()[name]
    cells = matrix.values[:, index]
    levels = matrix.levels.get(name) or tuple(np.unique(cells[~np.isnan(cells)]).tolist())
    every = Category(name=name, levels=tuple(as_text(level) for level in levels), used=mask([]))
    counts = np.bincount(every.transform(matrix, index), minlength=len(levels) + 2)
    ranked = sorted(range(len(levels)), key=lambda code: (-counts[code], every.levels[code]))
    frequent = [code for code in ranked[:most] if counts[code] >= min_rows]
    rare = int(counts[: len(levels)].sum() - counts[frequent].sum())
    enough = [True] * len(frequent) + [rare >= min_rows, int(counts[-1]) >= min_rows]
    return Category(name=name, levels=tuple(every.levels[code] for code in frequent), used=mask(enough))


@lru_cache(maxsize=4096)
def _codes_of(levels: tuple[str, ...]) -> dict[str, int]:
    return {level: code for code, level in enumerate(levels)}


def _fit_number(numbers: Floats) -> dict[str, float]:
    from scipy.stats import skew

    finite = numbers[np.isfinite(numbers)]
    logged = len(finite) > 2 and finite.min() >= 0 and np.ptp(finite) > 0 and float(skew(finite)) > SKEWED
    values = np.log1p(finite) if logged else finite
    # the same filling as when scoring, so that mean and spread fit what the weights will meet
    median = float(np.median(values))
    full = np.concatenate([values, np.full(len(numbers) - len(finite), median)])
    mean, scale = float(full.mean()), float(full.std()) or 1.0
    bounds = {"low": float(finite.min()), "high": float(finite.max())}
    return bounds | {"logged": float(logged), "mean": mean, "scale": scale, "fill": (median - mean) / scale}


def _knots(numbers: Floats, plan: dict[str, float]) -> Floats:
    finite = numbers[np.isfinite(numbers)]
    values = np.log1p(finite) if plan["logged"] else finite
    knots = np.full(len(HINGES), np.inf)
    if len(np.unique(values)) > DISTINCT_FOR_HINGES:
        inner = np.unique((np.quantile(values, HINGES) - plan["mean"]) / plan["scale"])
        # a hinge at the lowest value is the number itself
        inner = inner[inner > (values.min() - plan["mean"]) / plan["scale"] + 1e-9]
        knots[: len(inner)] = inner
    return knots
