"""Say why a column is not read, for people who miss it: a profile names such columns, the header's words say why."""

from __future__ import annotations

import re
from typing import Literal

from tasks.intake.csv.columns.column_plan import PlannedColumn

Why = Literal[
    "outcome",
    "stamped_later",
    "other_people",
    "no_trait",
    "consent_unclear",
    "mapping",
    "unclaimed",
    "error_file",
]

#: reason -> the words for people
TEXTS: dict[Why, str] = {
    "outcome": "knows the outcome, or guesses it: a model would learn from the answer",
    "stamped_later": "stamped whenever somebody touches the record, so it says nothing of the lead then",
    "other_people": "names other people",
    "no_trait": "an id or a figure of the system's own, and nothing of the lead",
    "consent_unclear": "is about consent and does not say who agreed to what",
    "mapping": "the mapping leaves it out",
    "unclaimed": "is not among the columns to keep",
    "error_file": "a note of the file of rejected rows",
}
#: the first that fits; the header in lower case, its words parted by blanks
_WORDS: tuple[tuple[Why, re.Pattern[str]], ...] = (
    ("other_people", re.compile(r"\bby$")),
    (
        "stamped_later",
        re.compile(r"\b(?:updated?|modified|modstamp|systemmodstamp|viewed|update time|since last)\b|\bdays since\b"),
    ),
    (
        "outcome",
        re.compile(
            r"\b(?:probability|likelihood|forecast\w*|expected|weighted|success|score|fit|priority|converted|conversion"
            r"|customer|opportunity|close[ds]?|won|deal|open|age|fiscal)\b"
        ),
    ),
)
_PARTS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W_]+")


def why_ignored(column: PlannedColumn) -> Why:
    """Return why a column is not read.

    >>> told = ("Became a Customer Date", "LastModifiedDate", "Modified By", "campaign_id")
    >>> [why_ignored(PlannedColumn(index=0, header=name, role="ignored", how="profile")) for name in told]
    ['outcome', 'stamped_later', 'other_people', 'no_trait']
    """
    if column.header.startswith("_"):
        return "error_file"
    if column.how in ("mapping", ""):
        return "mapping" if column.how else "unclaimed"
    if column.how == "consent":
        return "consent_unclear"
    words = " ".join(_PARTS.split(column.header)).lower().strip()
    return next((why for why, pattern in _WORDS if pattern.search(words)), "no_trait")
