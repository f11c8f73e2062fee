"""Features: each group maps many leads to columns at once, every one as of a moment.

Only what had happened and was known at `as_of` counts; what is not known is NaN, never zero.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache

import numpy as np

from ml.arrays import Floats
from ml.features import behavioral, contextual, emotional, temporal
from ml.features.catalogue import CUSTOM, FEATURES, group_of
from ml.features.events import collect
from ml.features.prohibited import refusal, refused
from ml.profiles import FeatureMatrix, LeadProfile, Value, encode

#: changes when a feature changes its meaning; models and snapshots of another version do not go together
SCHEMA_VERSION = "1"

__all__ = ["CUSTOM", "SCHEMA_VERSION", "extract", "fingerprint", "group_of", "refusal", "refused"]


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
    events, messages = collect(profiles), emotional.collect(profiles)
    numbers = behavioral.columns(profiles, events) | temporal.columns(profiles, events) | contextual.columns(profiles)
    numbers |= emotional.columns(profiles, messages)
    custom, forbidden = contextual.custom(profiles)
    categories = contextual.categories(profiles) | emotional.categories(profiles, messages)
    return _joined(len(profiles), numbers, categories | custom, forbidden)


@cache
def fingerprint() -> str:
    """Return 16 hexadecimal digits that change with the features of the catalogue, for the key of what is cached.

    `SCHEMA_VERSION` says which features go together with a model; this also tells two versions of Hearth apart of which
    one knows more features. A stored snapshot without the newer ones stays valid: they are missing in it.

    >>> len(fingerprint())
    16
    """
    known = [SCHEMA_VERSION, emotional.DEFINITION, [(feature.name, feature.kind) for feature in FEATURES.values()]]
    return hashlib.sha256(repr(known).encode()).hexdigest()[:16]


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
