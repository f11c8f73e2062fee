"""Let the first values of a column speak: for a header that says nothing, and against one that says something else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from tasks.intake.csv.columns import header_words, lead_schema
from tasks.intake.csv.columns.mapping import LabelWords
from tasks.intake.errors import BadValue
from tasks.intake.values import dates, phones, scalars

#: share of the filled cells that must be readable before values speak for a column, and against its header
_ENOUGH, _HARDLY = 0.8, 0.2
#: filled cells that can speak against a header
_FEWEST = 5
_APART = re.compile(r"(?:[;,|\s]|:::|##|\^)+")
#: written with marks as only phone numbers are; or digits alone, which ids are too
_WRITTEN_PHONE = re.compile(
    r"(?:[a-z]{1,8}:)?\s*+(?:\+|00)[\d\s().\-/]{8,}|\(?\d{3}\)?[\s.\-/]\d{3}[\s.\-]\d{4}", re.IGNORECASE
)
_NO_NAME_OF_ID = re.compile(
    r"(?:^|[\W_])(?:id|ids|uuid|guid|number|no|nr|code|zip|ref|mls|sku)(?:$|[\W_])", re.IGNORECASE
)
_UTC = ZoneInfo("UTC")


def may_be(kind: str, cells: Sequence[str]) -> bool:
    """Return whether a column whose header names addresses or numbers may hold them: few cells, or some readable."""
    readable = sum(1 for cell in cells if ("@" in cell and kind != "phone") or (kind != "email" and is_phone(cell)))
    return len(cells) < _FEWEST or readable >= _HARDLY * len(cells)


def holds(kind: str, header: str, cells: Sequence[str]) -> bool:
    """Return whether a column whose header says nothing holds addresses (`email`) or written numbers (`phone`)."""
    if not cells:
        return False
    if not header_words.says_only_contact(header) and 2 * len(set(map(str.casefold, cells))) < len(cells) + 1:
        return False  # the same few again and again: the addresses of those who work here
    if kind == "email":
        return sum(map(is_email, cells)) >= _ENOUGH * len(cells)
    if sum(1 for cell in cells if _WRITTEN_PHONE.fullmatch(cell)) >= _ENOUGH * len(cells):
        return True
    # digits alone may be ids: they must be many, be numbers of North America and not be called ids
    plain = len(set(cells)) >= _FEWEST and not _NO_NAME_OF_ID.search(header)
    return plain and all(len(cell) == 10 and cell.isdecimal() and is_phone(cell) for cell in cells)


def is_email(text: str) -> bool:
    """Return whether a cell holds addresses and nothing else."""
    try:
        # of other words beside addresses, a row without its delimiter may be read
        return bool(scalars.emails(text)) and all("@" in part for part in _APART.split(text))
    except BadValue:
        return False


def is_phone(text: str) -> bool:
    """Return whether a cell holds a phone number."""
    try:
        return bool(phones.read(text))
    except BadValue:
        return False


def contradicts(name: str, cells: Sequence[str], label: LabelWords) -> bool:
    """Return whether the values of a column cannot be those of the canonical column `name`."""
    if name == "label":
        known = label.positive | label.negative | label.open
        fitting = sum(1 for cell in cells if cell.casefold().removesuffix(".0") in known)
        return len(cells) >= _FEWEST and fitting < _ENOUGH * len(cells)
    if lead_schema.column_kind(name) == "time":
        return len(cells) >= _FEWEST and sum(map(is_time, cells)) < _HARDLY * len(cells)
    return False


def is_time(text: str) -> bool:
    """Return whether a cell holds a date or a time, in whatever order."""
    try:
        return bool(dates.moment(text, _UTC, "mdy"))
    except BadValue:
        return False
