"""From one record of a file to what it says of a lead, and what is wrong with it.

A row that cannot be taken has an error and no draft; a cell that cannot be read is left out with a warning. Messages
name line and column, never the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.records import EventDraft, LeadDraft, RejectedRow
from tasks.intake.csv import cells, error_file, row_checks
from tasks.intake.csv.cells import Cells
from tasks.intake.csv.columns import ColumnPlan
from tasks.intake.csv.issues import Problem
from tasks.intake.csv.mapping import Defaults
from tasks.intake.csv.source import Record
from tasks.intake.values import scalars

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
#: of a row kept aside, cells and characters of a cell beyond these are dropped: unfixed it is refused all the same
_KEPT_CELLS = 1_000
_KEPT_CELL = scalars.MAX_CELL + 1


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
    fault = row_checks.fault(record, plan)
    if fault is not None:
        return Converted(draft=None, problems=(fault,))
    row = cells.read(record, plan, defaults, now)
    finish_row(row, now)
    if reason := row_checks.stranger(record, row.ids, row.contact, numbered=plan.row_number):
        refusal = row_checks.refusal(record, "row.no_identity", reason)
        return Converted(draft=None, problems=(refusal, *row.problems))
    return Converted(draft=_draft(row, defaults), problems=tuple(row.problems))


def kept_aside(record: Record, problems: Sequence[Problem]) -> tuple[RejectedRow, ...]:
    """Give the errors and warnings of a record as rows of the error file; cells beyond all measure are cut."""
    kept = _cut(record.cells)
    return tuple(
        RejectedRow(
            line=record.line,
            record=record.number,
            severity=problem.severity,
            code=problem.code,
            column=problem.column,
            message=problem.message,
            cells=kept,
        )
        for problem in problems
        if problem.severity != "info"
    )


def _cut(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell[:_KEPT_CELL] for cell in given[:_KEPT_CELLS])


def finish_row(row: Cells, now: datetime) -> None:
    """Do what needs more than one cell."""
    if row.times:
        _drop_future(row, now)
        _drop_unknown_yet(row)
        _doubt_order(row)
    if row.spans:
        _join_spans(row)
    if row.statements:
        _prefer_refusals(row)
    if row.plan.outcomes:
        _conclude(row)
    if "full_name" in row.contact and "last_name" not in row.contact:
        row.contact = _split_name(row.contact["full_name"]) | row.contact


def _drop_future(row: Cells, now: datetime) -> None:
    latest = now + TOLERANCE
    for name, (header, at) in list(row.times.items()):
        if at > latest:
            row.warn("time.future", header, "this lies in the future; correct the date or its time zone")
            del row.times[name]


def _drop_unknown_yet(row: Cells) -> None:
    if (as_of := _time(row, "as_of")) is None:
        return
    for name, (header, at) in list(row.times.items()):
        if at > as_of and name not in _OUTCOMES:
            row.warn("time.order", header, "this lies after as_of, the moment of the row; correct one of them")
            del row.times[name]


def _doubt_order(row: Cells) -> None:
    if (created := _time(row, "created_at")) is None:
        return
    # A day of grace: one of the two may be a date without a time.
    earliest = created - TOLERANCE
    for name, (header, at) in row.times.items():
        if name != "as_of" and at < earliest:
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
    # A grant gives way to a refusal of the same channel or of all. An opt-in that was not given is no block: it
    # contradicts opt-ins only.
    blocked = {one.channel for one in row.statements if one.decision in {"refused", "unsubscribed", "doubtful"}}
    withheld = {one.channel for one in row.statements if one.decision == "withheld"}
    kept = []
    for one in row.statements:
        if one.decision == "granted" and (blocked | withheld) & {one.channel, "all"}:
            hint = "a refusal in the same row contradicts this and was taken"
            row.warn("consent.conflict", one.reference, hint)
        else:
            kept.append(one)
    row.statements = kept
    # a flag at rest is no contradiction
    resting = (name for name in row.consent if not blocked & {name.removeprefix("dnd_"), "all"})
    row.consent = dict.fromkeys(resting, False)


def _conclude(row: Cells) -> None:
    # The stage of some systems tells the outcome as well.
    outcome = row.plan.outcomes.get(row.fields.get("stage", ""))
    if outcome and row.fields.get("opportunity_status", "open") == "open":
        row.fields["opportunity_status"] = outcome


def _split_name(full: str) -> dict[str, str]:
    last, comma, first = (part.strip() for part in full.partition(","))
    if not comma:
        first, _, last = (part.strip() for part in full.rpartition(" "))
    return {name: text for name, text in (("first_name", first), ("last_name", last)) if text}


def _draft(row: Cells, defaults: Defaults) -> LeadDraft:
    as_of, label = _time(row, "as_of"), _label(row)
    default_type = {"lead_type": defaults.lead_type} if defaults.lead_type else {}
    known = {name: at for name, (_, at) in row.times.items() if name not in _OWN}
    return LeadDraft(
        source_system=row.ids.get("source_system", defaults.source_system),
        external_id=_numbered(row) or row.ids.get("external_id"),
        contact=row.contact,
        fields=default_type | row.fields | known,
        custom=row.custom,
        consent=row.consent,
        statements=tuple(row.statements),
        as_of=as_of,
        label=label,
        label_at=None if label is None else _time(row, "label_at") or _time(row, "closed_at"),
        events=tuple(_event(name, at, as_of) for name, (_, at) in row.times.items() if name in EVENTS),
        clean=True,
    )


def _numbered(row: Cells) -> str | None:
    # A row of an error file is still the one of the file that it came from.
    if not row.plan.row_number:
        return None
    cell = row.record.cells[row.plan.origin] if row.plan.origin is not None else ""
    file, number = error_file.origin(cell) or (row.defaults.file, row.record.number)
    return f"row-{file}-{number}"


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
