"""Features: each group maps many leads to columns at once, every one as of a moment.

Only what had happened and was known at `as_of` counts; what is not known is NaN, never zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml.arrays import Floats
from ml.features import behavioral, contextual, temporal
from ml.features.catalogue import CUSTOM, group_of
from ml.features.events import collect
from ml.features.prohibited import refusal, refused
from ml.profiles import FeatureMatrix, LeadProfile, Value, encode

#: changes when a feature changes its meaning; models and snapshots of another version do not go together
SCHEMA_VERSION = "1"

__all__ = ["CUSTOM", "SCHEMA_VERSION", "extract", "group_of", "refusal", "refused"]


def extract(profiles: Sequence[LeadProfile]) -> FeatureMatrix:
    """Return the features of many leads, each as of its own moment. Columns: canonical ones, then `custom:` by name.

    >>> from datetime import UTC, datetime
    >>> lead = LeadProfile(lead_id="1", as_of=datetime(2025, 3, 1, tzinfo=UTC), source="Referral",
    ...                    numbers={"showings": 3}, custom={"Age": 40, "Visits": 7})
    >>> matrix = extract([lead])
    >>> {name: value for name, value in matrix.to_rows()[0].items() if value is not None}
    {'showings': 3.0, 'source': 'referral', 'custom:Visits': 7.0}
    >>> matrix.refused
    {'Age': 'age'}
    """
    events = collect(profiles)
    numbers = behavioral.columns(profiles, events) | temporal.columns(profiles, events) | contextual.columns(profiles)
    custom, forbidden = contextual.custom(profiles)
    return _joined(len(profiles), numbers, contextual.categories(profiles) | custom, forbidden)


def _joined(
    rows: int, numbers: dict[str, Floats], cells: dict[str, list[Value | None]], forbidden: dict[str, str]
) -> FeatureMatrix:
    columns = (*numbers, *cells)
    values = np.empty((rows, len(columns)), dtype=np.float32)
    levels: dict[str, tuple[Value, ...]] = {}
    for index, name in enumerate(columns):
        if name in numbers:
            values[:, index] = numbers[name]
            continue
        values[:, index], column_levels = encode(cells[name], name)
        if column_levels:
            levels[name] = column_levels
    values[~np.isfinite(values)] = np.nan
    return FeatureMatrix(columns=columns, values=values, levels=levels, refused=forbidden)
