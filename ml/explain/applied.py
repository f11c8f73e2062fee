"""Apply levers to a lead's stored features, as reading it again after the events would give them.

What an event moves is written in `levers.toml`; that it agrees with `ml.features` is tested lever by lever against the
extraction of a profile with that event. The features do not hold how much a lead has done of late, so how far its trend
of activity rises is known within bounds only: at one end it stays, at the other all that is new is all there is. The
hours to a reply are not moved.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ml.arrays import Floats, Floats32, Ints
from ml.explain.levers import Lever, Levers
from ml.features.behavioral import CAPS, FADING
from ml.profiles import FeatureMatrix

#: feature -> the most that counts
LIMITS: Mapping[str, float] = {**CAPS, **{name: most for name, (_, _, most) in FADING.items()}}
_TREND = "activity_trend"
#: float32 keeps a share to this
_SAME = 1e-6


def possible(row: FeatureMatrix, lever: Lever) -> bool:
    """Return whether a lever can move a lead: it has a feature of it, and no category stands elsewhere already."""
    cells = row.to_rows()[0]
    for name, change in lever.becomes.items():
        level = cells.get(name)
        if level == change.level or (change.start and level not in change.start):
            return False
    return any(name in cells for name in lever.features)


def uncertain(row: FeatureMatrix) -> bool:
    """Return whether a lead's features leave open how far its trend of activity would rise."""
    place = row.positions().get(_TREND)
    return place is not None and not np.isnan(row.values[0, place])


def apply(row: FeatureMatrix, times: Ints, levers: Levers, *, rising: bool = False) -> FeatureMatrix:
    """Return a lead after levers were used: one row for each row of `times` ([rows, levers], how often each is used).

    With `rising` its trend of activity rises as far as it can, without it stays.

    >>> from ml.explain.levers import builtin
    >>> row = FeatureMatrix.from_rows([{"showings": 1.0, "showing_days": 30.0, "activity_trend": 0.0}])
    >>> used = np.array([[2 * (lever.name == "showing") for lever in builtin().levers]])
    >>> apply(row, used, builtin()).to_rows()
    [{'showings': 3.0, 'showing_days': 0.0, 'activity_trend': 0.0}]
    """
    matrix = _with_levels(row, levers)
    before = matrix.values[0].astype(np.float64)
    values = np.tile(before, (len(times), 1))
    places = matrix.positions()
    _wake(values, times, levers, places)
    if rising and _TREND in places:
        values[:, places[_TREND]] += np.where(np.isnan(before[places[_TREND]]), 0.0, np.log1p(_inbound(times, levers)))
    for column, lever in zip(times.T, levers.levers, strict=True):
        _use(values, column, lever, matrix)
    for name, limit in LIMITS.items():
        if name in places:
            values[:, places[name]] = np.minimum(values[:, places[name]], max(limit, before[places[name]]))
    _share(values, before, levers, places)
    return FeatureMatrix(columns=matrix.columns, values=_stored(values), levels=matrix.levels, refused=matrix.refused)


def _with_levels(row: FeatureMatrix, levers: Levers) -> FeatureMatrix:
    """Return the row with room for the levels that categories may get."""
    places, values, levels = row.positions(), row.values.copy(), dict(row.levels)
    for name, change in ((n, c) for lever in levers.levers for n, c in lever.becomes.items()):
        if name in places and change.level not in levels.get(name, ()):
            # codes of the levels that are there stay as they are
            levels[name] = (*levels.get(name, ()), change.level)
    return FeatureMatrix(columns=row.columns, values=values, levels=levels, refused=row.refused)


def _wake(values: Floats, times: Ints, levers: Levers, places: Mapping[str, int]) -> None:
    """A lead without any event has no counts; after its first event they are known, and what did not happen is 0."""
    trend = places.get(_TREND)
    if trend is None or not np.isnan(values[0, trend]):
        return
    woken = times[:, [bool(lever.add) for lever in levers.levers]].sum(axis=1) > 0
    for name in LIMITS:
        if name in places:
            column = values[:, places[name]]
            column[woken & np.isnan(column)] = 0.0
    values[woken, trend] = np.log1p(_inbound(times, levers)[woken])


def _inbound(times: Ints, levers: Levers) -> Ints:
    """Return how many events of each row are the lead's own doing."""
    chosen: Ints = times[:, [bool(lever.add) and lever.by == "lead" for lever in levers.levers]].sum(axis=1)
    return chosen


def _use(values: Floats, times: Ints, lever: Lever, matrix: FeatureMatrix) -> None:
    places, used = matrix.positions(), times > 0
    for name, amount in lever.add.items():
        if name in places:
            values[:, places[name]] += amount * times
    for name in lever.today:
        if name in places:
            values[used, places[name]] = 0.0
    for name, change in lever.becomes.items():
        if name in places:
            values[used, places[name]] = float(matrix.levels[name].index(change.level))


def _share(values: Floats, before: Floats, levers: Levers, places: Mapping[str, int]) -> None:
    """Move the shares of two counts with the counts, where they were what the counts gave."""
    for name, (part, whole) in levers.shares.items():
        if not {name, part, whole} <= places.keys():
            continue
        of, top, bottom = places[name], places[part], places[whole]
        was = _ratio(before[None, top], before[None, bottom])[0]
        if abs(before[of] - was) <= _SAME or (np.isnan(before[of]) and np.isnan(was)):
            values[:, of] = _ratio(values[:, top], values[:, bottom])


def _ratio(part: Floats, whole: Floats) -> Floats:
    share = np.full(part.shape, np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    share[share > 1.0] = 1.0
    return share


def _stored(values: Floats) -> Floats32:
    kept: Floats32 = values.astype(np.float32)
    return kept
