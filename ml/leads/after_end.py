"""Read leads that were seen only after their end, such as those of an export: which columns would tell how they ended.

Such a lead is read as of its end. But how a lead ends decides when: who signs does so within days of the last contact,
who is given up does so after months of silence. So the days from anything to the end tell the outcome, and an open lead
has no end to count them to. No row of such a training has them: to lack them would tell the outcome too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

import numpy as np

from domain.closed_leads import RARE_SHARE
from ml.features.catalogue import CUSTOM, FEATURES, FOLLOWS_OUTCOME
from ml.profiles import FeatureMatrix

#: kinds of features that measure how long ago something was
_CLOCKS = frozenset({"days", "weight", "trend"})
#: kinds of features that count what happened, without its time
_COUNTS = frozenset({"count", "rate"})
#: column of a time -> the features that are made of it
DERIVED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "last_activity_at": frozenset({"silence_days"}),
        "last_contacted_at": frozenset({"contact_days"}),
        "last_replied_at": frozenset({"silence_days", "reply_days", "recent_replies", "reply_hours", "response_rate"}),
        "stage_changed_at": frozenset({"stage", "stage_days"}),
    }
)


def stamped_later(rows: Iterable[tuple[datetime, Mapping[str, datetime]]]) -> dict[str, float]:
    """Return the columns that are stamped at or after the end more than rarely, each with the share of its values.

    A row is the moment of an end, and the lead's times by column.

    >>> from datetime import timedelta
    >>> end, day = datetime(2026, 3, 1), timedelta(days=1)
    >>> stamped_later([(end, {"last_activity_at": end + day, "last_contacted_at": end - day})])
    {'last_activity_at': 1.0}
    """
    filled, late = dict.fromkeys(DERIVED, 0), dict.fromkeys(DERIVED, 0)
    for end, times in rows:
        for column in DERIVED.keys() & times.keys():
            filled[column] += 1
            late[column] += times[column] >= end
    shares = {column: late[column] / filled[column] for column in DERIVED if filled[column]}
    return {column: share for column, share in shares.items() if share > RARE_SHARE}


def withheld(matrix: FeatureMatrix, stamped: Mapping[str, float]) -> dict[str, str]:
    """Return the features that no row may have where rows are read as of their end, each with the reason.

    `stamped` is what `stamped_later` found. A feature that is the same for all rows teaches nothing and is not named.

    >>> matrix = FeatureMatrix.from_rows([{"source": "web", "age_days": 3.0}, {"source": "portal", "age_days": 5.0}])
    >>> withheld(matrix, {})
    {'age_days': 'counts the days to the end'}
    """
    columns = _varying(matrix)
    reasons = {name: reason for name in columns if (reason := _reason(name)) is not None}
    for column, share in stamped.items():
        made = DERIVED[column].intersection(columns)
        reasons |= dict.fromkeys(made, f"{column} lies at or after the end of {share:.0%} of the closed leads")
    return {name: reasons[name] for name in columns if name in reasons}


def counted_later(matrix: FeatureMatrix) -> list[str]:
    """Return the features that count: seen after the end, they may include what came later.

    >>> rows = [{"source": "portal", "showings": 3.0, "custom:Score": 1.0}, {"source": "web", "showings": 0.0}]
    >>> counted_later(FeatureMatrix.from_rows(rows))
    ['showings', 'custom:Score']
    """
    return [
        name
        for name in _varying(matrix)
        if (name in FEATURES and FEATURES[name].kind in _COUNTS)
        or (name.startswith(CUSTOM) and name not in matrix.levels)
    ]


def _varying(matrix: FeatureMatrix) -> list[str]:
    return [name for index, name in enumerate(matrix.columns) if len(np.unique(matrix.values[:, index])) > 1]


def _reason(name: str) -> str | None:
    if name in FEATURES and FEATURES[name].kind in _CLOCKS:
        return "counts the days to the end"
    return "is set by the end" if name in FOLLOWS_OUTCOME else None
