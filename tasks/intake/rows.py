"""From one record of a file to what it says of a lead, and what is wrong with it.

A row that cannot be taken has an error and no draft; a cell that cannot be read is left out with a warning. Messages
name line and column, never the value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.records import EventDraft, LeadDraft, RejectedRow
from tasks.intake import cells
from tasks.intake.cells import Cells
from tasks.intake.columns import ColumnPlan
from tasks.intake.mapping import Defaults
from tasks.intake.problems import Problem, Severity
from tasks.intake.source import Record

#: clocks of other systems may be ahead by this much
TOLERANCE = timedelta(days=1)
#: column of a time -> kind and direction of the event that it tells of
EVENTS = {
    "created_at": ("inquiry", "inbound"),
    "last_contacted_at": ("contact", "outbound"),
    "last_replied_at": ("reply", "inbound"),
    "last_activity_at": ("activity", "inbound"),
    "stage_changed_at": ("stage_change", None),
}
#: times that come after the moment of the row by their nature
_OUTCOMES = ("closed_at", "label_at")
#: times of the draft itself
_OWN = ("as_of", "label_at")
_STATUS_LABELS = {"won": True, "lost": False}
_TOTAL = re.compile(r"(?:grand\s*|sub\s*-?)?totals?\b.*|sum\b.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What became of a record."""

    #: None = the row is not taken: it is blank or has an error
    draft: LeadDraft | None
    problems: tuple[Problem, ...] = ()


def convert(record: Record, plan: ColumnPlan, defaults: Defaults, now: datetime) -> Converted:
    """Read one record; `now` (aware) decides what is in the future.

    A row that is not taken has its reason first: `row.blank` (info), `row.column_count` or `row.no_identity` (error).
    """
    if not any(map(str.strip, record.cells)):
        return _refused(record, "row.blank", "the row is blank and was passed over", severity="info")
    if record.torn:
        hint = (
            "a quote opened in this row is closed by a later row only; close it: the rows between were not taken either"
        )
        return _refused(record, "file.unclosed_quote", hint)
    if not _fits(record.cells, plan):
        counts = f"the row has {len(record.cells)} cells, the header {len(plan.columns)}"
        hint = f"{counts}; quote cells that hold the delimiter"
        return _refused(record, "row.column_count", hint)
    row = cells.read(record, plan, defaults)
    _settle(row, now)
    if reason := _stranger(row):
        return _refused(record, "row.no_identity", reason, others=row.problems)
    return Converted(draft=_draft(row, defaults), problems=tuple(row.problems))


def kept_aside(record: Record, problems: Sequence[Problem]) -> tuple[RejectedRow, ...]:
    """Give the errors and warnings of a record as rows of the error file."""
    return tuple(
        RejectedRow(
            line=record.line,
            record=record.number,
            severity=problem.severity,
            code=problem.code,
            column=problem.column,
            message=problem.message,
            cells=record.cells,
        )
        for problem in problems
        if problem.severity != "info"
    )


def _refused(
    record: Record, code: str, hint: str, *, severity: Severity = "error", others: Sequence[Problem] = ()
) -> Converted:
    problem = Problem(severity=severity, code=code, message=f"line {record.line}: {hint}")
    return Converted(draft=None, problems=(problem, *others))


def _fits(given: Sequence[str], plan: ColumnPlan) -> bool:
    # Blank cells may be too many, cells of trailing columns without a name too few.
    width = len(plan.columns)
    if len(given) >= width:
        return len(given) == width or not any(map(str.strip, given[width:]))
    return all(column.role == "unnamed" for column in plan.columns[len(given) :])


def _stranger(row: Cells) -> str | None:
    # Why nobody knows whose row this is; None = somebody does.
    reachable = "email" in row.contact or "phone" in row.contact
    first = next(text for cell in row.record.cells if (text := cell.strip()))
    if not reachable and _TOTAL.fullmatch(first):
        return "this looks like a line of totals, not a lead; remove it"
    known = row.plan.row_number or "external_id" in row.ids or "email" in row.contact
    if known or {"phone", "last_name"} <= row.contact.keys():
        return None
    return "nothing tells who this is; give an id, an e-mail address, or a phone number with a last name"


def _settle(row: Cells, now: datetime) -> None:
    # What needs more than one cell.
    if row.times:
        _drop_future(row, now)
        _drop_unknown_yet(row)
        _doubt_order(row)
    if row.spans:
        _join_spans(row)
    if row.consent:
        _prefer_refusals(row)
    if "full_name" in row.contact and "last_name" not in row.contact:
        row.contact = _split_name(row.contact["full_name"]) | row.contact


def _drop_future(row: Cells, now: datetime) -> None:
    for name, (header, at) in list(row.times.items()):
        if at > now + TOLERANCE:
            row.warn("time.future", header, "this lies in the future; correct the date or its time zone")
            del row.times[name]


def _drop_unknown_yet(row: Cells) -> None:
    as_of = _time(row, "as_of")
    for name, (header, at) in list(row.times.items()):
        if as_of and at > as_of and name not in _OUTCOMES:
            row.warn("time.order", header, "this lies after as_of, the moment of the row; correct one of them")
            del row.times[name]


def _doubt_order(row: Cells) -> None:
    created = _time(row, "created_at")
    for name, (header, at) in row.times.items():
        # A day of grace: one of the two may be a date without a time.
        if created and name != "as_of" and at < created - TOLERANCE:
            row.warn("time.order", header, "this lies before created_at; it was taken as it is")


def _time(row: Cells, name: str) -> datetime | None:
    found = row.times.get(name)
    return found[1] if found else None


def _join_spans(row: Cells) -> None:
    # A range in either column gives both ends; a column of its own wins.
    low, high = row.spans.get("budget_min"), row.spans.get("budget_max")
    bottom = low[1] if low else (high[1] if high and high[1] != high[2] else None)
    top = high[2] if high else (low[2] if low and low[1] != low[2] else None)
    if bottom is not None and top is not None and bottom > top:
        header = high[0] if high else None
        row.warn("value.number", header, "the upper end is below the lower one; neither was taken")
        return
    ends = {"budget_min": bottom, "budget_max": top}
    row.fields |= {name: value for name, value in ends.items() if value is not None}


def _prefer_refusals(row: Cells) -> None:
    refused = {name.removeprefix("dnd_") for name, value in row.consent.items() if name.startswith("dnd_") and value}
    if "unsubscribed_at" in row.consent:
        refused |= {"email"}
    for channel in ("email", "sms", "call", "mail", "all"):
        name = f"opt_in_{channel}"
        if row.consent.get(name) and refused & {channel, "all"}:
            header = next(header for header, mapped in row.plan.mapped.items() if mapped == name)
            row.warn("consent.conflict", header, "a refusal in the same row contradicts this; the refusal was taken")
            del row.consent[name]


def _split_name(full: str) -> dict[str, str]:
    last, comma, first = (part.strip() for part in full.partition(","))
    if not comma:
        first, _, last = (part.strip() for part in full.rpartition(" "))
    return {name: text for name, text in (("first_name", first), ("last_name", last)) if text}


def _draft(row: Cells, defaults: Defaults) -> LeadDraft:
    as_of, label = _time(row, "as_of"), _label(row)
    default_type = {"lead_type": defaults.lead_type} if defaults.lead_type else {}
    known = {name: at for name, (_, at) in row.times.items() if name not in _OWN}
    numbered = f"row-{defaults.file}-{row.record.number}" if row.plan.row_number else None
    return LeadDraft(
        source_system=row.ids.get("source_system", defaults.source_system),
        external_id=numbered or row.ids.get("external_id"),
        contact=row.contact,
        fields=default_type | row.fields | known,
        custom=row.custom,
        consent=row.consent,
        as_of=as_of,
        label=label,
        label_at=None if label is None else _time(row, "label_at") or _time(row, "closed_at"),
        events=tuple(_event(name, at, as_of) for name, (_, at) in row.times.items() if name in EVENTS),
    )


def _label(row: Cells) -> bool | None:
    if row.label is None and not row.plan.has_label:
        return _STATUS_LABELS.get(row.fields.get("opportunity_status", ""))
    return row.label


def _event(name: str, at: datetime, as_of: datetime | None) -> EventDraft:
    kind, direction = EVENTS[name]
    return EventDraft(
        kind=kind,
        occurred_at=at,
        recorded_at=max(at, as_of) if as_of else at,
        direction=direction,
        source="csv",
        source_id=f"{kind}:{at.isoformat()}",
    )
