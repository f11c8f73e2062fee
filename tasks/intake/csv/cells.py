"""Read the cells of one record, each by the kind of its column; a cell that cannot be read is left out with a warning.

A new kind of column needs a reader in `_VALUE_READERS` (one value, which depends on the cell alone) or in
`_ROW_READERS` (anything else), and its columns in `lead_schema`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from db.records import ConsentStatement
from domain.channels import ConsentChannel
from domain.consent import ConsentBasis
from domain.documents import JsonObject
from ml.language import consent_words
from tasks.intake import consent
from tasks.intake.csv.columns import header_words
from tasks.intake.csv.columns.column_plan import AmountReading, ColumnPlan, ReadColumn
from tasks.intake.csv.columns.mapping import FileDefaults
from tasks.intake.csv.issues import Issue
from tasks.intake.csv.source import CsvRecord
from tasks.intake.errors import BadValue
from tasks.intake.values import amounts, dates, ends, phones, scalars, vocabulary

MAX_ID = 255
_BLANK_ELSEWHERE = vocabulary.MISSING | vocabulary.NOTHING
#: cells that count as blank, by kind
_BLANK_WORDS: dict[str, frozenset[str]] = {
    "custom": vocabulary.MISSING,
    "text": _BLANK_ELSEWHERE,
    "name": vocabulary.MISSING,
    "label": vocabulary.MISSING,
    "dnd": vocabulary.MISSING,
    "opt_in": vocabulary.MISSING,
    "choice": frozenset(),
    "message": frozenset(),
}
#: written so, words that say nothing elsewhere are somebody's name
_NAMES = frozenset({"Null", "Na", "Nan", "Nil", "None"})
#: cells of one column that say nothing, beside those of its kind
_BLANK_IN: dict[str, frozenset[str]] = {
    "assigned_to": frozenset(
        {"unassigned", "not assigned", "nobody", "no owner", "no one", "sin asignar", "nao atribuido", "não atribuído"}
        | {"non attribué", "non assigné", "nicht zugewiesen", "non assegnato"}
    ),
    # what every contact is
    "lead_type": frozenset(
        {
            "lead",
            "leads",
            "contact",
            "customer",
            "client",
            "prospect",
            "person",
            "individual",
            "other",
            "potential customer",
        }
        | {"current customer", "new lead", "inquiry", "consumer"}
    ),
}
#: words in the name of a refusal column whose cells say why or where it was refused
_HOW = frozenset({"reason", "campaign", "title", "source", "method", "id", "by", "other", "name"})
#: `Ann Lee <ann@example.com>`, `Ann Lee (ann@example.com)`
_MAILBOX = re.compile(r"([^<>()@;,]{2,100}?)\s*+[<(][^<>()\s]++[>)]")
#: cells of a label column that say nothing else
_PLAIN_LABELS = vocabulary.YES | vocabulary.NO
#: groups that Google puts every contact into
_SYSTEM_TAGS = frozenset({"mycontacts", "starred", "my contacts", "starred in android"})
#: values that are remembered per column, and the longest cell that is remembered
_CACHE_SIZE, _CACHED_LENGTH = 1_000, 64
_NOT_CACHED = object()
#: columns and kinds of columns in which systems and people mark leads that must not be contacted
_MARK_COLUMNS: Mapping[str, ConsentBasis] = {
    "stage": "stage",
    "opportunity_status": "status",
    "lost_reason": "status",
    "label": "status",
    "pipeline": "stage",
    "lead_type": "status",
    "tags": "tag",
}
_MARK_KINDS: Mapping[str, ConsentBasis] = {"custom": "custom"}
#: a shorter text is no date
_SHORTEST_DATE = 6
_ROUNDED = re.compile(r"\d[.,]?\d*E\+\d+", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class RowValues:
    """The values of one record, gathered column by column."""

    record: CsvRecord
    plan: ColumnPlan
    zone: ZoneInfo
    defaults: FileDefaults
    #: decides what lies in the future, and dates what is in doubt
    now: datetime
    #: of phone numbers without a code
    country: str | None = None
    issues: list[Issue] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    contact: dict[str, str] = field(default_factory=dict)
    fields: JsonObject = field(default_factory=dict)
    custom: dict[str, float | str] = field(default_factory=dict)
    statements: list[ConsentStatement] = field(default_factory=list)
    #: flags that are off, `dnd_sms: false`: they refuse nothing and allow nothing
    consent: dict[str, bool] = field(default_factory=dict)
    #: column -> header and moment
    times: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    #: column -> header and the two ends of an amount
    spans: dict[str, tuple[str, float | None, float | None]] = field(default_factory=dict)
    label: bool | None = None

    def moment(self, name: str, text: str) -> datetime:
        """Return the time in a cell of column `name`."""
        return dates.moment(text, self.zone, self.defaults.date_order or self.plan.date_orders.get(name))

    def warn(self, code: str, header: str | None, hint: str) -> None:
        """Add the warning that a cell was left out, or imported with a doubt."""
        place = f"line {self.record.line}, column {header}" if header else f"line {self.record.line}"
        self.issues.append(Issue(severity="warning", code=code, column=header, message=f"{place}: {hint}"))


def read_cells(record: CsvRecord, plan: ColumnPlan, defaults: FileDefaults, now: datetime) -> RowValues:
    """Return the values of every cell of a canonical or custom column."""
    zone = ZoneInfo(defaults.timezone)
    row = RowValues(record=record, plan=plan, zone=zone, defaults=defaults, now=now, country=defaults.country)
    if plan.countries:
        row.country = _country(record, plan) or defaults.country
    destinations: dict[str, dict[str, Any]] = {"contact": row.contact, "fields": row.fields, "custom": row.custom}
    record_cells = record.cells
    for column in plan.read_columns:
        index, _, name, kind, _, consent_column, cache, rank, _ = column
        if not (cell := record_cells[index]):
            continue
        if rank and name in row.contact:
            continue
        if (value := cache.get(cell, _NOT_CACHED)) is _NOT_CACHED:
            value = _read_cell(row, column, cell)
        if consent_column is not None and value is None:
            row.consent[name] = False
        elif consent_column is not None:
            row.statements += value
        elif value is not None:
            destinations[_VALUE_READERS[kind][0]][name] = value
    return row


def _country(record: CsvRecord, plan: ColumnPlan) -> str | None:
    """Return the country that a row names, two letters; its dialling code counts first."""
    cells = (record.cells[position].strip() for position in plan.countries)
    return next((country for cell in cells if cell and (country := phones.country_of(cell))), None)


def _read_cell(row: RowValues, column: ReadColumn, cell: str) -> Any:
    # Returns the value of a kind in `_VALUE_READERS`, and remembers it; the other readers write into `row`.
    _, header, name, kind, words, consent_column, cache, _, _ = column
    text = (cell.replace("\x00", "") if "\x00" in cell else cell).strip()  # databases refuse it
    folded = text.casefold()
    blank = folded in _BLANK_WORDS.get(kind, _BLANK_ELSEWHERE) and not (kind == "name" and text in _NAMES)
    if not text or blank or folded in row.plan.missing:
        return None if consent_column is None else ()
    if name in _BLANK_IN and folded in _BLANK_IN[name]:
        return None
    if consent_column is not None:
        issues_before = len(row.issues)
        value = _read_consent(row, column, consent_column, text)
        if len(row.issues) == issues_before and len(cell) <= _CACHED_LENGTH and len(cache) < _CACHE_SIZE:
            cache[cell] = value
        return value
    marked = _note_consent_marks(row, name, kind, header, text)
    if words:
        text = words.get(vocabulary.level_key(text), text)
    try:
        text = scalars.checked_length(text, scalars.MAX_CELL)
        if kind not in _VALUE_READERS:
            _ROW_READERS[kind](row, column, text)
            return None
        value = _VALUE_READERS[kind][1](name, text)
    except BadValue as error:
        row.warn(error.code, header, error.hint)
        return None
    if len(cell) <= _CACHED_LENGTH and len(cache) < _CACHE_SIZE and not marked:
        cache[cell] = value
    return value


def _read_consent(
    row: RowValues, column: ReadColumn, about: consent_words.ConsentColumn, text: str
) -> tuple[ConsentStatement, ...] | None:
    """Return the statements of a cell that is about consent; None when it is a flag that is off."""
    dated = _time_in(row, column.name, text)
    statements = consent.from_consent_cell(about, text, reference=column.header, at=row.now, dated=dated)
    if (only := row.plan.grants.get(column.position)) is not None:
        statements = tuple(_narrowed(statement, only) for statement in statements)
    if not statements and about.means == "refusal" and len(about.channels) == 1 and not consent_words.is_blank(text):
        return None
    if consent.any_not_understood(statements):
        row.warn(consent.UNCLEAR, column.header, "neither yes nor no; the channel is closed until a person decides")
    elif about.means == "refusal" and statements and dated is None and not _is_plain_refusal(column.header, text):
        row.warn("value.enum", column.header, "neither yes nor no; write true or false; taken as a refusal")
    return statements


def _narrowed(statement: ConsentStatement, channel: str) -> ConsentStatement:
    """Return a consent, given or withheld, for one channel only; a refusal or a doubt as it is."""
    consents = statement.decision in {"granted", "withheld"} and statement.channel == "all"
    return replace(statement, channel=cast("ConsentChannel", channel)) if consents else statement


def _is_plain_refusal(header: str, text: str) -> bool:
    """Return whether a cell of a refusal column needs no warning: a known word, or why somebody refused."""
    return consent_words.is_understood(text) or bool(_HOW & set(header_words.words_of(header)))


def _time_in(row: RowValues, name: str, text: str) -> datetime | None:
    if len(text) < _SHORTEST_DATE or not any(map(str.isdigit, text)):
        return None
    try:
        return row.moment(name, text)
    except BadValue:
        return None


def _note_consent_marks(row: RowValues, name: str, kind: str, header: str, text: str) -> bool:
    """Add what a tag, a stage, a status or a custom column says of contact; return whether it says anything."""
    basis = _MARK_COLUMNS.get(name) or _MARK_KINDS.get(kind)
    if kind == "label" and text in _PLAIN_LABELS:  # nearly all of them
        return False
    if basis is None or not consent_words.may_mention_consent(text):
        return False
    if kind == "list":
        statements = [statement for tag in _tags(text) for statement in consent.from_mark(tag, basis, at=row.now)]
    elif kind == "custom":
        statements = [*consent.from_note(text, basis, at=row.now, reference=header)]
    else:
        statements = [*consent.from_mark(text, basis, at=row.now)]
    if consent.any_not_understood(statements):
        row.warn(consent.UNCLEAR, header, "this looks like consent and is not understood; a person must decide")
    row.statements += statements
    return bool(statements)


def _tags(text: str) -> list[str]:
    return scalars.split_list(text, ";|\n,")


def _read_id(row: RowValues, column: ReadColumn, text: str) -> None:
    if _ROUNDED.fullmatch(text):
        raise BadValue("value.number", "a spreadsheet has rounded this id; export the column as text")
    row.ids[column.name] = scalars.checked_length(text, MAX_ID)


def _read_email(row: RowValues, column: ReadColumn, text: str) -> None:
    addresses = scalars.emails(text)
    row.contact[column.name] = addresses[0]
    if text[-1] in ")>" and (mailbox := _MAILBOX.fullmatch(text)):
        row.contact.setdefault("full_name", _name("full_name", mailbox[1].strip(" \"'")))
    if len(addresses) > 1:
        row.warn("value.email", column.header, "several addresses in one cell; the first was imported")


def _read_phone(row: RowValues, column: ReadColumn, text: str) -> None:
    numbers = phones.read(text, row.country)
    row.contact[column.name] = numbers[0]
    if len(numbers) > 1:
        row.warn("value.phone", column.header, "several numbers in one cell; the first was imported")


def _read_email_or_phone(row: RowValues, column: ReadColumn, text: str) -> None:
    name, read = ("email", _read_email) if "@" in text else ("phone", _read_phone)
    if name not in row.contact:
        read(row, column._replace(name=name), text)


def _read_amount(row: RowValues, column: ReadColumn, text: str) -> None:
    style = _amount_style(row, column, text)
    row.fields[column.name] = _positive(amounts.number(text, style))


def _read_budget(row: RowValues, column: ReadColumn, text: str) -> None:
    low, high = amounts.span(text, _amount_style(row, column, text))
    row.spans[column.name] = (
        column.header,
        None if low is None else _positive(low),
        None if high is None else _positive(high),
    )


def _amount_style(row: RowValues, column: ReadColumn, text: str) -> amounts.AmountStyle | None:
    """Return how the amounts of the column are written; warn where a cell can be read in more than one way."""
    reading = column.amounts or AmountReading(None, own=False)
    if (doubt := amounts.doubt(text, reading.style, own=reading.own)) is not None:
        row.warn("value.number_ambiguous", column.header, doubt)
    return reading.style


def _read_time(row: RowValues, column: ReadColumn, text: str) -> None:
    row.times[column.name] = (column.header, row.moment(column.name, text))


def _read_unsubscribed(row: RowValues, column: ReadColumn, text: str) -> None:
    # Any text here means that somebody wants no mail: a cell that cannot be read must not open a channel.
    if text.casefold() in vocabulary.NO:
        return
    refused = ConsentStatement(channel="all", decision="refused", basis="column", reference=column.header)
    try:
        at = row.moment(column.name, text)
    except BadValue as error:
        row.statements.append(refused)
        if not consent_words.is_understood(text):
            row.warn(error.code, column.header, f"{error.hint}; taken as unsubscribed")
    else:
        row.statements.append(replace(refused, decision="unsubscribed", said_at=at))


def _read_label(row: RowValues, column: ReadColumn, text: str) -> None:
    words = row.plan.label
    word = text.casefold().removesuffix(".0")
    if word in words.positive or word in words.negative:
        row.label = word in words.positive
    elif word not in words.open:
        raise BadValue("value.enum", "neither won nor lost nor open; list the word under [label] of the mapping")


def _read_event_kind(row: RowValues, column: ReadColumn, text: str) -> None:
    # The words of profile and mapping were replaced before; the text must now be one of their meanings.
    if text in row.plan.words.get(column.name, {}).values():
        row.fields[column.name] = text
        return
    closed = consent_words.read_mark(text).refused
    if not closed:
        raise BadValue("value.enum", "an unknown kind of event; list the word under [words.kind] of the mapping")
    row.fields[column.name] = "opted_out"
    if len(closed) == 1 and closed != consent_words.ALL:
        row.fields.setdefault("channel", next(iter(closed)))


def _name(_column: str, text: str) -> str:
    return " ".join(scalars.checked_length(text, scalars.MAX_NAME).split())


def _choice(name: str, text: str) -> str | None:
    try:
        return scalars.level(name, text)
    except BadValue:
        if name == "opportunity_status" and (end := ends.read(text)) is not None:
            return None if end == "over" else end
        if text.casefold() not in _BLANK_ELSEWHERE:
            raise
    return None


def _text(name: str, text: str) -> str:
    # Hearth's own stages are spelled in one way; all others are the tenant's and stay unchanged.
    stage = vocabulary.STAGE_OF.get(vocabulary.level_key(text)) if name == "stage" else None
    return stage or scalars.checked_length(text, scalars.MAX_TEXT)


def _count(_name: str, text: str) -> float:
    return _positive(scalars.number(text))


def _lower_bound(_name: str, text: str) -> float:
    low, high = amounts.span(text)
    return _positive(low if low is not None else high or 0.0)


def _list(_name: str, text: str) -> list[str] | None:
    return _checked_names([tag for tag in _tags(text) if tag.casefold() not in _SYSTEM_TAGS])


def _places(_name: str, text: str) -> list[str] | None:
    # Not at commas: "Austin, TX" is one place.
    return _checked_names(scalars.split_list(text, ";|\n"))


def _checked_names(words: Sequence[str]) -> list[str] | None:
    return [scalars.checked_length(word, scalars.MAX_NAME) for word in words] or None


def _zone(_name: str, text: str) -> str:
    return scalars.zone(text)


def _custom(_name: str, text: str) -> float | str:
    return scalars.custom_value(text)


def _direction(_name: str, text: str) -> str:
    return _level_of(vocabulary.DIRECTION_OF, text)


def _channel(_name: str, text: str) -> str:
    return _level_of(vocabulary.CHANNEL_OF, text)


def _level_of(level_by_word: Mapping[str, str], text: str) -> str:
    level = level_by_word.get(vocabulary.level_key(text))
    if level is None:
        levels = ", ".join(dict.fromkeys(level_by_word.values()))
        raise BadValue("value.enum", f"not one of {levels}; write one of them")
    return level


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


#: kinds whose value depends on the cell and the plan alone -> the dict of `RowValues` it goes to, its reader
_VALUE_READERS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "name": ("contact", _name),
    "choice": ("fields", _choice),
    "text": ("fields", _text),
    "count": ("fields", _count),
    "least": ("fields", _lower_bound),
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
#: the other kinds: the reader writes into the row
_ROW_READERS: dict[str, Callable[[RowValues, ReadColumn, str], None]] = {
    "id": _read_id,
    "email": _read_email,
    "phone": _read_phone,
    "email_or_phone": _read_email_or_phone,
    "amount": _read_amount,
    "budget": _read_budget,
    "time": _read_time,
    "unsubscribed": _read_unsubscribed,
    "label": _read_label,
    "event_kind": _read_event_kind,
    "event_id": _read_id,
}
