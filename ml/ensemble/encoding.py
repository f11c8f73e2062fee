"""From columns to the terms of a linear model, and from its weights back to what each feature contributes.

Numbers are clipped to what was seen, logged where skewed, standardised, and bent at their quartiles; what is missing
takes the median and, where it was often missing, a weight of its own. Categories have a weight per frequent level.
Everything is elementwise, so that a lead alone gets bit for bit what it gets in a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import skew

from ml.ensemble.column_types import Codes, as_text, mask, read_codes_at, read_numbers
from ml.profiles import FeatureMatrix
from ml.training.calibration import Bools, Floats

#: quantiles at which the effect of a number may bend
BENDS = (0.25, 0.5, 0.75)
#: fewer distinct values have no quartiles worth the name
DISTINCT_FOR_BENDS = 10
SKEWED = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """How the numeric features are encoded: one entry per feature."""

    names: tuple[str, ...]
    logged: Bools
    #: bounds of what was seen in training
    low: Floats
    high: Floats
    mean: Floats
    scale: Floats
    #: the median, standardised
    fill: Floats
    #: [features, bends], standardised; infinite where there is none
    knots: Floats
    #: often enough missing to have a weight for it
    gaps: Bools

    def read(self, matrix: FeatureMatrix, where: Mapping[str, int]) -> Floats:
        """Give the numbers as they are: [leads, features]; `where` has the index of each column."""
        found = np.full((len(matrix), len(self.names)), np.nan)
        plain = [(place, where[name]) for place, name in enumerate(self.names) if name in where]
        if plain:
            places, indices = zip(*plain, strict=True)
            found[:, places] = matrix.values[:, indices]
        for place, index in plain:
            if self.names[place] in matrix.levels:
                found[:, place] = read_numbers(matrix, self.names[place], index)
        return found

    def standardised(self, found: Floats) -> Floats:
        """Give numbers as distances from the mean; the median where missing."""
        clipped = np.clip(found, self.low, self.high)
        clipped[:, self.logged] = np.log1p(np.ascontiguousarray(clipped[:, self.logged]))
        z: Floats = np.where(np.isnan(found), self.fill, (clipped - self.mean) / self.scale)
        return z

    def terms(self, found: Floats) -> Floats:
        """Give the terms [leads, parts * features]: the number, its bends, its absence."""
        z = self.standardised(found)
        bends = [np.maximum(z - self.knots[:, bend], 0.0) for bend in range(self.knots.shape[1])]
        terms: Floats = np.hstack([z, *bends, np.isnan(found).astype(np.float64)])
        return terms

    def used(self) -> Bools:
        """Mark the terms that are there at all."""
        flat = [np.isfinite(self.knots[:, bend]) for bend in range(self.knots.shape[1])]
        return np.concatenate([mask([True] * len(self.names)), *flat, self.gaps])

    def effects(self, found: Floats, weights: Floats) -> Floats:
        """Give what each feature adds: [leads, features]; `weights` is [parts, features], zero for unused terms."""
        z = self.standardised(found)
        total = z * weights[0]
        for bend in range(self.knots.shape[1]):
            total = total + np.maximum(z - self.knots[:, bend], 0.0) * weights[1 + bend]
        effects: Floats = np.where(np.isnan(found), total + weights[-1], total)
        return effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """How one category is encoded."""

    name: str
    #: frequent levels, then come `other` and missing
    levels: tuple[str, ...]
    #: levels, other and missing that had rows enough for a weight
    used: Bools

    def read(self, matrix: FeatureMatrix, index: int | None) -> Codes:
        """Give each lead's code into levels, other, missing, from the column at `index`."""
        return read_codes_at(matrix, self.name, index, _codes_of(self.levels), len(self.levels))

    def terms(self, codes: Codes) -> Floats:
        """Give one term per level, other and missing: 1 where a lead has it."""
        return np.eye(len(self.levels) + 2)[codes]


def plan_numbers(matrix: FeatureMatrix, names: Sequence[str], *, min_rows: int) -> Numbers:
    """Learn from training rows how to encode their numeric columns."""
    where = matrix.positions()
    found = [read_numbers(matrix, name, where[name]) for name in names]
    plans = [_plan_number(column) for column in found]
    absent = [int(np.isnan(column).sum()) for column in found]
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
        knots=np.array([_knots(column, plan) for column, plan in zip(found, plans, strict=True)]).reshape(
            -1, len(BENDS)
        ),
        gaps=mask([min_rows <= missing <= len(matrix) - min_rows for missing in absent]),
    )


def plan_category(matrix: FeatureMatrix, name: str, *, min_rows: int, most: int) -> Category:
    """Learn from training rows which levels of a column are frequent."""
    index = matrix.positions()[name]
    cells = matrix.values[:, index]
    levels = matrix.levels.get(name) or tuple(np.unique(cells[~np.isnan(cells)]).tolist())
    every = Category(name=name, levels=tuple(as_text(level) for level in levels), used=mask([]))
    counts = np.bincount(every.read(matrix, index), minlength=len(levels) + 2)
    ranked = sorted(range(len(levels)), key=lambda code: (-counts[code], every.levels[code]))
    kept = [code for code in ranked[:most] if counts[code] >= min_rows]
    rare = int(counts[: len(levels)].sum() - counts[kept].sum())
    enough = [True] * len(kept) + [rare >= min_rows, int(counts[-1]) >= min_rows]
    return Category(name=name, levels=tuple(every.levels[code] for code in kept), used=mask(enough))


@lru_cache(maxsize=4096)
def _codes_of(levels: tuple[str, ...]) -> dict[str, int]:
    return {level: code for code, level in enumerate(levels)}


def _plan_number(found: Floats) -> dict[str, float]:
    known = found[np.isfinite(found)]
    logged = len(known) > 2 and known.min() >= 0 and np.ptp(known) > 0 and float(skew(known)) > SKEWED
    values = np.log1p(known) if logged else known
    # the same filling as when scoring, so that mean and spread fit what the weights will meet
    median = float(np.median(values))
    full = np.concatenate([values, np.full(len(found) - len(known), median)])
    mean, scale = float(full.mean()), float(full.std()) or 1.0
    bounds = {"low": float(known.min()), "high": float(known.max())}
    return bounds | {"logged": float(logged), "mean": mean, "scale": scale, "fill": (median - mean) / scale}


def _knots(found: Floats, plan: dict[str, float]) -> Floats:
    known = found[np.isfinite(found)]
    values = np.log1p(known) if plan["logged"] else known
    knots = np.full(len(BENDS), np.inf)
    if len(np.unique(values)) > DISTINCT_FOR_BENDS:
        inner = np.unique((np.quantile(values, BENDS) - plan["mean"]) / plan["scale"])
        # a bend at the lowest value is the line itself
        inner = inner[inner > (values.min() - plan["mean"]) / plan["scale"] + 1e-9]
        knots[: len(inner)] = inner
    return knots
