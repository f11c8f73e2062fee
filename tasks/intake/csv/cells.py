"""Reading the cells of one record, each by the kind of its column; what cannot be read is left out with a warning."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from db.records import Basis, ConsentStatement
from ml.language import consent_words
from tasks.intake import consent
from tasks.intake.csv.columns import ColumnPlan, ReadColumn
from tasks.intake.csv.issues import Problem
from tasks.intake.csv.mapping import Defaults
from tasks.intake.csv.source import Record
from tasks.intake.errors import BadValue
from tasks.intake.values import dates, phones, scalars, vocabulary

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
#: of cells that were read before: most of a column, longest that is remembered
_SEEN, _SHORT = 1_000, 64
_UNSEEN = object()
#: columns and kinds of columns in which systems and people mark who is not to be contacted
_MARKED: Mapping[str, Basis] = {
    "stage": "stage",
    "opportunity_status": "status",
    "lost_reason": "status",
    "lead_type": "status",
    "tags": "tag",
}
_MARKED_KINDS: Mapping[str, Basis] = {"custom": "custom"}
#: shorter texts are no date
_DATE = 6
_ROUNDED = re.compile(r"\d[.,]?\d*E\+\d+", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class Cells:
    """What the cells of one record say, gathered column by column."""

    record: Record
    plan: ColumnPlan
    zone: ZoneInfo
    defaults: Defaults
    #: decides what is in the future, and since when something is in doubt
    now: datetime
    problems: list[Problem] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    contact: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, float | str] = field(default_factory=dict)
    statements: list[ConsentStatement] = field(default_factory=list)
    #: flags that are at rest, `dnd_sms: false`: they refuse nothing and allow nothing
    consent: dict[str, bool] = field(default_factory=dict)
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


def read(record: Record, plan: ColumnPlan, defaults: Defaults, now: datetime) -> Cells:
    """Read every cell that is mapped or the tenant's own."""
    row = Cells(record=record, plan=plan, zone=ZoneInfo(defaults.timezone), defaults=defaults, now=now)
    said = {"contact": row.contact, "fields": row.fields, "custom": row.custom}
    given = record.cells
    for column in plan.read:
        index, _, name, kind, _, about, seen = column
        if not (cell := given[index]):
            continue
        if (value := seen.get(cell, _UNSEEN)) is _UNSEEN:
            value = _look(row, column, cell)
        if about is not None and value is None:
            row.consent[name] = False
        elif about is not None:
            row.statements += value
        elif value is not None:
            said[_PLAIN[kind][0]][name] = value
    return row


def _look(row: Cells, column: ReadColumn, cell: str) -> Any:
    # Gives what a cell of a plain kind says, and remembers it; the other kinds tell the row themselves.
    _, header, name, kind, words, about, seen = column
    text = (cell.replace("\x00", "") if "\x00" in cell else cell).strip()  # databases refuse it
    folded = text.casefold()
    if not text or folded in row.plan.missing or folded in _SILENT.get(kind, _OTHERS):
        return None if about is None else ()
    if about is not None:
        before = len(row.problems)
        value = _about_consent(row, column, about, text)
        if len(row.problems) == before and len(cell) <= _SHORT and len(seen) < _SEEN:
            seen[cell] = value
        return value
    marked = _marks(row, name, kind, header, text)
    if words:
        text = words.get(vocabulary.level_key(text), text)
    try:
        text = scalars.limited(text, scalars.MAX_CELL)
        if kind not in _PLAIN:
            _READERS[kind](row, name, header, text)
            return None
        value = _PLAIN[kind][1](name, text)
    except BadValue as bad:
        row.warn(bad.code, header, bad.hint)
        return None
    if len(cell) <= _SHORT and len(seen) < _SEEN and not marked:
        seen[cell] = value
    return value


def _about_consent(
    row: Cells, column: ReadColumn, about: consent_words.Column, text: str
) -> tuple[ConsentStatement, ...] | None:
    """Read a cell that is about consent; None where it is a flag at rest."""
    dated = _dated(row, column.name, text)
    told: tuple[ConsentStatement, ...] | None
    told = consent.of_column(about, text, reference=column.header, at=row.now, dated=dated)
    if not told and about.means == "refusal" and len(about.channels) == 1 and not consent_words.silent(text):
        told = None
    if told is None:
        return None
    if consent.not_understood(told):
        row.warn(consent.UNCLEAR, column.header, "neither yes nor no; the channel is closed until a person decides")
    elif about.means == "refusal" and told and dated is None and not consent_words.understood(text):
        row.warn("value.enum", column.header, "neither yes nor no; write true or false; taken as a refusal")
    return told


def _dated(row: Cells, name: str, text: str) -> datetime | None:
    if len(text) < _DATE or not any(map(str.isdigit, text)):
        return None
    try:
        return row.moment(name, text)
    except BadValue:
        return None


def _marks(row: Cells, name: str, kind: str, header: str, text: str) -> bool:
    """Take what a tag, a stage, a status or the tenant's own column says of being contacted."""
    basis = _MARKED.get(name) or _MARKED_KINDS.get(kind)
    if basis is None or not consent_words.maybe(text):
        return False
    if kind == "list":
        found = [one for mark in _tags(text) for one in consent.of_mark(mark, basis, at=row.now)]
    elif kind == "custom":
        found = [*consent.of_note(text, basis, at=row.now, reference=header)]
    else:
        found = [*consent.of_mark(text, basis, at=row.now)]
    if consent.not_understood(found):
        row.warn(consent.UNCLEAR, header, "this looks like consent and is not understood; a person is asked")
    row.statements += found
    return bool(found)


def _tags(text: str) -> list[str]:
    return scalars.words(text, ";|\n,")


def _read_id(row: Cells, name: str, _header: str, text: str) -> None:
    if _ROUNDED.fullmatch(text):
        raise BadValue("value.number", "a spreadsheet has rounded this id; export the column as text")
    row.ids[name] = scalars.limited(text, MAX_ID)


def _read_email(row: Cells, name: str, header: str, text: str) -> None:
    found = scalars.emails(text)
    row.contact[name] = found[0]
    if len(found) > 1:
        row.warn("value.email", header, "several addresses in one cell; the first was taken")


def _read_phone(row: Cells, name: str, header: str, text: str) -> None:
    found = phones.read(text, row.defaults.country)
    row.contact[name] = found[0]
    if len(found) > 1:
        row.warn("value.phone", header, "several numbers in one cell; the first was taken")


def _read_budget(row: Cells, name: str, header: str, text: str) -> None:
    low, high = scalars.span(text)
    row.spans[name] = (header, *(None if end is None else _positive(end) for end in (low, high)))  # type: ignore[assignment]


def _read_time(row: Cells, name: str, header: str, text: str) -> None:
    row.times[name] = (header, row.moment(name, text))


def _read_unsubscribed(row: Cells, name: str, header: str, text: str) -> None:
    # Whatever it says, somebody wants no mail: what cannot be read must not open a channel.
    if text.casefold() in vocabulary.NO:
        return
    told: dict[str, Any] = {"channel": "all", "basis": "column", "reference": header}
    try:
        at = row.moment(name, text)
    except BadValue as bad:
        row.statements.append(ConsentStatement(decision="refused", **told))
        if not consent_words.understood(text):
            row.warn(bad.code, header, f"{bad.hint}; taken as unsubscribed")
    else:
        row.statements.append(ConsentStatement(decision="unsubscribed", said_at=at, **told))


def _read_label(row: Cells, _name: str, _header: str, text: str) -> None:
    words = row.plan.label
    word = text.casefold().removesuffix(".0")
    if word in words.positive or word in words.negative:
        row.label = word in words.positive
    elif word not in words.open:
        raise BadValue("value.enum", "neither won nor lost nor open; list the word under [label] of the mapping")


def _read_event_kind(row: Cells, name: str, _header: str, text: str) -> None:
    # The words of profile and mapping have been taken already; what is left must be one of their meanings.
    if text in row.plan.words.get(name, {}).values():
        row.fields[name] = text
        return
    closed = consent_words.mark(text).refused
    if not closed:
        raise BadValue("value.enum", "an unknown kind of event; list the word under [words.kind] of the mapping")
    row.fields[name] = "opted_out"
    if len(closed) == 1 and closed != consent_words.ALL:
        row.fields.setdefault("channel", next(iter(closed)))


def _name(_column: str, text: str) -> str:
    return " ".join(scalars.limited(text, scalars.MAX_NAME).split())


def _choice(name: str, text: str) -> str | None:
    try:
        return scalars.level(name, text)
    except BadValue:
        if text.casefold() not in _OTHERS:
            raise
    return None


def _text(name: str, text: str) -> str:
    # The stages that Hearth knows are spelled in one way; all others are the tenant's and stay as they are.
    known = vocabulary.STAGE_OF.get(vocabulary.level_key(text)) if name == "stage" else None
    return known or scalars.limited(text, scalars.MAX_TEXT)


def _amount(_name: str, text: str) -> float:
    return _positive(scalars.number(text))


def _least(_name: str, text: str) -> float:
    low, high = scalars.span(text)
    return _positive(low if low is not None else high or 0.0)


def _list(_name: str, text: str) -> list[str] | None:
    return _limited(_tags(text))


def _places(_name: str, text: str) -> list[str] | None:
    # Not at commas: "Austin, TX" is one place.
    return _limited(scalars.words(text, ";|\n"))


def _limited(words: Sequence[str]) -> list[str] | None:
    return [scalars.limited(word, scalars.MAX_NAME) for word in words] or None


def _zone(_name: str, text: str) -> str:
    return scalars.zone(text)


def _custom(_name: str, text: str) -> float | str:
    return scalars.own(text)


def _direction(_name: str, text: str) -> str:
    return _among(vocabulary.DIRECTION_OF, text)


def _channel(_name: str, text: str) -> str:
    return _among(vocabulary.CHANNEL_OF, text)


def _among(known: Mapping[str, str], text: str) -> str:
    found = known.get(vocabulary.level_key(text))
    if found is None:
        raise BadValue("value.enum", f"not one of {', '.join(dict.fromkeys(known.values()))}; write one of them")
    return found


def _message(_name: str, text: str) -> str:
    return text


def _duration(_name: str, text: str) -> float:
    return scalars.duration(text)


def _number(_name: str, text: str) -> float:
    return scalars.number(text)


def _positive(value: float) -> float:
    if value < 0:
        raise BadValue("value.number", "this cannot be below zero; correct the sign")
    return value


#: kinds whose cells say one value, which depends on the plan alone -> where it belongs, how it is read
_PLAIN: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "name": ("contact", _name),
    "choice": ("fields", _choice),
    "text": ("fields", _text),
    "amount": ("fields", _amount),
    "count": ("fields", _amount),
    "least": ("fields", _least),
    "list": ("fields", _list),
    "places": ("fields", _places),
    "zone": ("fields", _zone),
    "custom": ("custom", _custom),
    "direction": ("fields", _direction),
    "channel": ("fields", _channel),
    "message": ("fields", _message),
    "duration": ("fields", _duration),
    "number": ("fields", _number),
}
#: the others: what they say is told to the row
_READERS: dict[str, Callable[[Cells, str, str, str], None]] = {
    "id": _read_id,
    "email": _read_email,
    "phone": _read_phone,
    "budget": _read_budget,
    "time": _read_time,
    "unsubscribed": _read_unsubscribed,
    "label": _read_label,
    "event_kind": _read_event_kind,
    "event_id": _read_id,
}
