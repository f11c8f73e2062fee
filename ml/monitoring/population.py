"""How a population has moved from a reference: PSI and KS of each feature, corrected for their number, and its cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from ml.arrays import Floats
from ml.monitoring.reference import Spread

#: chance of any shifted feature, over all of them, where nothing has moved
RISK: Final = 0.01
#: population stability index from which a shift is worth a look, and from which it is another population
NOTICEABLE, LARGE = 0.10, 0.25

#: new: since the reference, and not explained. seasonal: as a year ago. standing: since the model's first window
Shifted = Literal["none", "new", "seasonal", "standing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One spread against another."""

    psi: float
    #: largest difference of the two cumulative shares over the parts, 0 to 1; of levels, half the sum of differences
    ks: float
    #: chance of such a difference between equals; of one comparison alone
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureShift:
    """How far one feature has moved, and what that is likely to cost."""

    feature: str
    psi: float
    ks: float
    #: corrected for the number of features
    p_value: float
    #: expected change of the mean squared error, were the model as wrong in each part as it was; above 0 is worse
    effect: float
    shifted: Shifted


def compare(spread: Spread, before: Sequence[int], now: Sequence[int]) -> Comparison:
    """Compare counts over the parts of a spread. Without rows on a side, nothing differs.

    Numbers are compared by Kolmogorov and Smirnov over the borders of the parts, which is conservative, and by whether
    they are missing; levels by chi-square. A part that is empty on one side counts as half a row in the PSI.

    >>> spread = Spread(borders=(1.0,), counts=(50, 50, 0, 0), losses=(0.2,) * 4)
    >>> compare(spread, (50, 50, 0, 0), (50, 50, 0, 0)).p_value
    1.0
    >>> found = compare(spread, (500, 500, 0, 0), (800, 200, 0, 0))
    >>> round(found.psi, 3), round(found.ks, 3), found.p_value < 1e-9
    (0.416, 0.3, True)
    """
    early, late = np.asarray(before, dtype=np.float64), np.asarray(now, dtype=np.float64)
    if not early.sum() or not late.sum():
        return Comparison(psi=0.0, ks=0.0, p_value=1.0)
    was, is_now = early / early.sum(), late / late.sum()
    gaps = np.abs(np.cumsum(was - is_now)) if not spread.levels else np.abs(was - is_now).sum() / 2
    p_value = _chi_square(early, late) if spread.levels else _kolmogorov(early, late)
    return Comparison(psi=_psi(early, late), ks=float(np.max(gaps)), p_value=p_value)


def effect(spread: Spread, now: Sequence[int]) -> float:
    """Return the expected change of the mean squared error by this feature's new shares alone; above 0 is worse.

    It is the error of each part in training, weighted by where values lie now: the part of a shift that hurts. It knows
    nothing of outcomes that changed within a part.
    """
    losses, before, late = (np.asarray(each, dtype=np.float64) for each in (spread.losses, spread.counts, now))
    if not before.sum() or not late.sum():
        return 0.0
    return float(losses @ (late / late.sum() - before / before.sum()))


def shifts(
    spreads: Mapping[str, Spread],
    now: Mapping[str, Sequence[int]],
    *,
    year_ago: Mapping[str, Sequence[int]] | None = None,
    first: Mapping[str, Sequence[int]] | None = None,
) -> list[FeatureShift]:
    """Return each feature's shift against the reference, those with the largest likely effect first.

    A feature has shifted where its PSI is noticeable and chance is ruled out after Holm's correction over all features:
    with many columns some always differ, and with many rows any difference is sure. `year_ago` are the counts of the
    same weeks a year before, `first` those of the model's first window: where a feature has not moved from either, its
    shift is a season, or was there from the start, and is no news.
    """
    names = [name for name in spreads if name in now]
    found = {name: compare(spreads[name], spreads[name].counts, now[name]) for name in names}
    adjusted = holm([found[name].p_value for name in names])
    told = [
        FeatureShift(
            feature=name,
            psi=found[name].psi,
            ks=found[name].ks,
            p_value=chance,
            effect=effect(spreads[name], now[name]),
            shifted=_kind(spreads[name], now[name], first=(first or {}).get(name), year_ago=(year_ago or {}).get(name))
            if found[name].psi >= NOTICEABLE and chance < RISK
            else "none",
        )
        for name, chance in zip(names, adjusted, strict=True)
    ]
    return sorted(told, key=lambda shift: (-abs(shift.effect), -shift.psi, shift.feature))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number: S. Holm, A simple sequentially rejective procedure, 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values, dtype=np.float64)[order] * (len(p_values) - np.arange(len(p_values)))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.tolist()


def _kind(
    spread: Spread, now: Sequence[int], *, first: Sequence[int] | None, year_ago: Sequence[int] | None
) -> Shifted:
    """Return how a feature that differs from its reference is explained, if it is."""
    if first is not None and _as_then(spread, first, now):
        return "standing"
    return "seasonal" if year_ago is not None and _as_then(spread, year_ago, now) else "new"


def _as_then(spread: Spread, then: Sequence[int], now: Sequence[int]) -> bool:
    """Return whether a feature has not moved from other counts: too little, or not beyond chance."""
    if not any(then):
        return False
    since = compare(spread, then, now)
    return since.psi < NOTICEABLE or since.p_value >= RISK


def _psi(early: Floats, late: Floats) -> float:
    used = (early + late) > 0
    was = np.maximum(early[used], 0.5) / early.sum()
    is_now = np.maximum(late[used], 0.5) / late.sum()
    return float(((is_now - was) * np.log(is_now / was)).sum())


def _chi_square(early: Floats, late: Floats) -> float:
    from scipy import special

    used = (early + late) > 0
    both = np.vstack([early[used], late[used]])
    if both.shape[1] < 2:
        return 1.0
    expected = both.sum(axis=1, keepdims=True) * both.sum(axis=0) / both.sum()
    return float(special.chdtrc(both.shape[1] - 1, ((both - expected) ** 2 / expected).sum()))


def _kolmogorov(early: Floats, late: Floats) -> float:
    """Return the chance by the asymptotic law, doubled since values and whether they are missing are asked apart."""
    from scipy import special

    missing = _chi_square(*(np.array([counts[:-1].sum(), counts[-1]]) for counts in (early, late)))
    known = early[:-1], late[:-1]
    sums = [part.sum() for part in known]
    if not all(sums):
        return min(1.0, 2 * missing)
    gap = np.abs(np.cumsum(known[0]) / sums[0] - np.cumsum(known[1]) / sums[1]).max()
    scale = np.sqrt(sums[0] * sums[1] / (sums[0] + sums[1]))
    return min(1.0, 2 * min(missing, float(special.kolmogorov(scale * gap))))
