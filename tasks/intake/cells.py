"""Reading the cells of one record, each by the kind of its column; what cannot be read is left out with a warning."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tasks.intake import dates, phones, values, vocabulary
from tasks.intake.columns import ColumnPlan
from tasks.intake.errors import BadValue
from tasks.intake.mapping import Defaults
from tasks.intake.problems import Problem
from tasks.intake.source import Record

MAX_ID = 255
_NAMELESS = frozenset({"n/a", "#n/a", "-", "--", "—", "(blank)", "(empty)"})
_OTHERS = vocabulary.MISSING | vocabulary.NOTHING
#: cells that say nothing, by kind
_SILENT: dict[str, frozenset[str]] = {
    "custom": vocabulary.MISSING | {"nan"},
    "text": _OTHERS | {"nan"},
    "name": _NAMELESS,
    "label": vocabulary.MISSING,
    "dnd": vocabulary.MISSING,
    "opt_in": vocabulary.MISSING,
    "choice": frozenset(),
    "message": frozenset(),
}
_ROUNDED = re.compile(r"\d[.,]?\d*E\+\d+", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class Cells:
    """What the cells of one record say, gathered column by column."""

    record: Record
    plan: ColumnPlan
    zone: ZoneInfo
    defaults: Defaults
    problems: list[Problem] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    contact: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, float | str] = field(default_factory=dict)
    consent: dict[str, bool | datetime] = field(default_factory=dict)
    #: column -> header and moment
    times: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    #: column -> header and the two ends of an amount
    spans: dict[str, tuple[str, float | None, float | None]] = field(default_factory=dict)
    label: bool | None = None

    def moment(self, name: str, text: str) -> datetime:
        """Read a time of column `name`."""
        return dates.moment(text, self.zone, self.defaults.date_order or self.plan.orders.get(name))

    def warn(self, code: str, header: str | None, hint: str) -> None:
        """Note that a cell was not taken, or taken with a doubt."""
        place = f"line {self.record.line}, column {header}" if header else f"line {self.record.line}"
        self.problems.append(Problem(severity="warning", code=code, column=header, message=f"{place}: {hint}"))


def read(record: Record, plan: ColumnPlan, defaults: Defaults) -> Cells:
    """Read every cell that is mapped or the tenant's own."""
    row = Cells(record=record, plan=plan, zone=ZoneInfo(defaults.timezone), defaults=defaults)
    missing, longest = plan.missing, values.MAX_CELL
    for index, header, name, kind, words in plan.read:
        text = record.cells[index].strip()
        if not text:
            continue
        folded = text.casefold()
        if folded in missing or folded in _SILENT.get(kind, _OTHERS):
            continue
        if "\x00" in text:  # databases refuse it
            text = text.replace("\x00", "")
        if words:
            text = words.get(vocabulary.level_key(text), text)
        try:
            _READERS[kind](row, name, header, text if len(text) <= longest else values.limited(text, longest))
        except BadValue as bad:
            row.warn(bad.code, header, bad.hint)
    return row


def _read_id(row: Cells, name: str, _header: str, text: str) -> None:
    if _ROUNDED.fullmatch(text):
        raise BadValue("value.number", "a spreadsheet has rounded this id; export the column as text")
    row.ids[name] = values.limited(text, MAX_ID)


def _read_email(row: Cells, name: str, header: str, text: str) -> None:
    found = values.emails(text)
    row.contact[name] = found[0]
    if len(found) > 1:
        row.warn("value.email", header, "several addresses in one cell; the first was taken")


def _read_phone(row: Cells, name: str, header: str, text: str) -> None:
    found = phones.read(text, row.defaults.country)
    row.contact[name] = found[0]
    if len(found) > 1:
        row.warn("value.phone", header, "several numbers in one cell; the first was taken")


def _read_name(row: Cells, name: str, _header: str, text: str) -> None:
    row.contact[name] = " ".join(values.limited(text, values.MAX_NAME).split())


def _read_choice(row: Cells, name: str, _header: str, text: str) -> None:
    try:
        row.fields[name] = values.level(name, text)
    except BadValue:
        if text.casefold() not in _OTHERS:
            raise


def _read_text(row: Cells, name: str, _header: str, text: str) -> None:
    # The stages that Hearth knows are spelled in one way; all others are the tenant's and stay as they are.
    known = vocabulary.STAGE_OF.get(vocabulary.level_key(text)) if name == "stage" else None
    row.fields[name] = known or values.limited(text, values.MAX_TEXT)


def _read_amount(row: Cells, name: str, _header: str, text: str) -> None:
    row.fields[name] = _positive(values.number(text))


def _read_least(row: Cells, name: str, _header: str, text: str) -> None:
    low, high = values.span(text)
    row.fields[name] = _positive(low if low is not None else high or 0.0)


def _read_budget(row: Cells, name: str, header: str, text: str) -> None:
    low, high = values.span(text)
    row.spans[name] = (header, *(None if end is None else _positive(end) for end in (low, high)))  # type: ignore[assignment]


def _read_time(row: Cells, name: str, header: str, text: str) -> None:
    row.times[name] = (header, row.moment(name, text))


def _read_unsubscribed(row: Cells, name: str, header: str, text: str) -> None:
    # Whatever it says, somebody wants no mail: what cannot be read must not open a channel.
    if text.casefold() in vocabulary.NO:
        return
    try:
        row.consent[name] = row.moment(name, text)
    except BadValue as bad:
        row.consent["dnd_all"] = True
        if text.casefold() not in vocabulary.BLOCKED:
            row.warn(bad.code, header, f"{bad.hint}; taken as unsubscribed")


def _read_dnd(row: Cells, name: str, header: str, text: str) -> None:
    try:
        refused = values.switch(text, vocabulary.BLOCKED, vocabulary.ALLOWED)
        row.consent[name] = refused or row.consent.get(name) is True
    except BadValue as bad:
        row.consent[name] = True
        row.warn(bad.code, header, f"{bad.hint}; taken as a refusal")


def _read_opt_in(row: Cells, name: str, _header: str, text: str) -> None:
    row.consent[name] = values.switch(text, vocabulary.GRANTED, vocabulary.REFUSED)


def _read_list(row: Cells, name: str, _header: str, text: str) -> None:
    row.fields[name] = [values.limited(word, values.MAX_NAME) for word in values.words(text, ";|\n,")]


def _read_places(row: Cells, name: str, _header: str, text: str) -> None:
    # Not at commas: "Austin, TX" is one place.
    row.fields[name] = [values.limited(word, values.MAX_NAME) for word in values.words(text, ";|\n")]


def _read_zone(row: Cells, name: str, _header: str, text: str) -> None:
    row.fields[name] = values.zone(text)


def _read_label(row: Cells, _name: str, _header: str, text: str) -> None:
    words = row.plan.label
    word = text.casefold().removesuffix(".0")
    if word in words.positive or word in words.negative:
        row.label = word in words.positive
    elif word not in words.open:
        raise BadValue("value.enum", "neither won nor lost nor open; list the word under [label] of the mapping")


def _read_custom(row: Cells, name: str, _header: str, text: str) -> None:
    row.custom[name] = values.own(text)


def _read_event_kind(row: Cells, name: str, _header: str, text: str) -> None:
    # The words of profile and mapping have been taken already; what is left must be one of their meanings.
    if text not in row.plan.words.get(name, {}).values():
        raise BadValue("value.enum", "an unknown kind of event; list the word under [words.kind] of the mapping")
    row.fields[name] = text


def _read_direction(row: Cells, name: str, _header: str, text: str) -> None:
    row.fields[name] = _among(vocabulary.DIRECTION_OF, text)


def _read_channel(row: Cells, name: str, _header: str, text: str) -> None:
    row.fields[name] = _among(vocabulary.CHANNEL_OF, text)


def _among(known: Mapping[str, str], text: str) -> str:
    found = known.get(vocabulary.level_key(text))
    if found is None:
        raise BadValue("value.enum", f"not one of {', '.join(dict.fromkeys(known.values()))}; write one of them")
    return found


def _read_message(row: Cells, name: str, _header: str, text: str) -> None:
    row.fields[name] = text


def _read_duration(row: Cells, name: str, _header: str, text: str) -> None:
    row.fields[name] = values.duration(text)


def _read_number(row: Cells, name: str, _header: str, text: str) -> None:
    row.fields[name] = values.number(text)


def _positive(value: float) -> float:
    if value < 0:
        raise BadValue("value.number", "this cannot be below zero; correct the sign")
    return value


_READERS: dict[str, Callable[[Cells, str, str, str], None]] = {
    "id": _read_id,
    "email": _read_email,
    "phone": _read_phone,
    "name": _read_name,
    "choice": _read_choice,
    "text": _read_text,
    "amount": _read_amount,
    "budget": _read_budget,
    "least": _read_least,
    "count": _read_amount,
    "time": _read_time,
    "unsubscribed": _read_unsubscribed,
    "dnd": _read_dnd,
    "opt_in": _read_opt_in,
    "list": _read_list,
    "places": _read_places,
    "zone": _read_zone,
    "label": _read_label,
    "custom": _read_custom,
    "event_kind": _read_event_kind,
    "direction": _read_direction,
    "channel": _read_channel,
    "message": _read_message,
    "duration": _read_duration,
    "number": _read_number,
    "event_id": _read_id,
}
