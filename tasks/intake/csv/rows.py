"""Convert one record of a file of leads to a draft, with its issues.

A row that cannot be imported has an error and no draft; a cell that cannot be read is left out with a warning. Messages
name line and column, never the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from db.consent import CLOSING
from db.records import ConsentStatement, EventDraft, LeadDraft, RejectedRow
from domain.leads import row_id
from ml.language import consent_words
from tasks.intake import consent
from tasks.intake.csv import cells, error_file, row_checks
from tasks.intake.csv.cells import RowValues
from tasks.intake.csv.columns.column_plan import ColumnPlan
from tasks.intake.csv.columns.mapping import FileDefaults
from tasks.intake.csv.issues import Issue
from tasks.intake.csv.source import CsvRecord
from tasks.intake.values import scalars

#: clocks of other systems may be ahead by this much
TOLERANCE = timedelta(days=1)
#: column of a time -> kind and direction of the event that happened then
EVENTS = {
    "created_at": ("inquiry", "inbound"),
    "last_contacted_at": ("contact", "outbound"),
    "last_replied_at": ("reply", "inbound"),
    "last_activity_at": ("activity", "inbound"),
    "stage_changed_at": ("stage_change", None),
}
#: times that may lie after the row's `as_of`, since they are outcomes
_OUTCOMES = ("closed_at", "label_at")
#: times of the draft itself
_DRAFT_TIMES = ("as_of", "label_at")
_STATUS_LABELS = {"won": True, "lost": False}
#: cells of a rejected row, and characters of a cell, beyond which the rest is dropped: an unfixed row is refused anyway
_MOST_REJECTED_CELLS = 1_000
_LONGEST_REJECTED_CELL = scalars.MAX_CELL + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedLead:
    """A record as a draft, and its issues."""

    #: None: the row is not imported, it is blank or has an error
    draft: LeadDraft | None
    issues: tuple[Issue, ...] = ()


def convert(record: CsvRecord, plan: ColumnPlan, defaults: FileDefaults, now: datetime) -> ConvertedLead:
    """Convert one record; `now` (aware) decides what lies in the future.

    The first issue of a row that is not imported is the reason: `row.blank` (info), `row.column_count` or
    `row.no_identity` (error).
    """
    unreadable = row_checks.unreadable(record, plan)
    if unreadable is not None:
        return ConvertedLead(draft=None, issues=(unreadable,))
    shorter = len(record.cells) < len(plan.columns)
    row = cells.read_cells(row_checks.filled_up(record, plan) if shorter else record, plan, defaults, now)
    if shorter and row_checks.lacks_cells(record, plan):
        if row_checks.is_shifted(record, plan, row.issues) or row_checks.is_cut_in_two(record, plan):
            return ConvertedLead(draft=None, issues=(row_checks.wrong_width(record, plan), *row.issues))
        _doubt_missing_consent(row, len(record.cells))
        _doubt_refusal_beyond(row, record, now)
    resolve_row(row, now)
    if reason := row_checks.unidentified(row.ids, row.contact, numbered=plan.row_number):
        no_identity = row_checks.row_issue(record, "row.no_identity", reason)
        return ConvertedLead(draft=None, issues=(no_identity, *row.issues))
    return ConvertedLead(draft=_draft(row, defaults), issues=tuple(row.issues))


def rejected_rows(record: CsvRecord, issues: Sequence[Issue]) -> tuple[RejectedRow, ...]:
    """Return the errors and warnings of a record as rows of the error file; excessive cells are cut."""
    shortened = _shortened(record.cells)
    return tuple(
        RejectedRow(
            line=record.line,
            record=record.number,
            severity=issue.severity,
            code=issue.code,
            column=issue.column,
            message=issue.message,
            cells=shortened,
        )
        for issue in issues
        if issue.severity != "info"
    )


def _shortened(row_cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell[:_LONGEST_REJECTED_CELL] for cell in row_cells[:_MOST_REJECTED_CELLS])


def resolve_row(row: RowValues, now: datetime) -> None:
    """Apply the rules that need more than one cell."""
    if row.plan.outcomes or row.plan.ends:
        _status_from_ends(row)
    if "lost_reason" in row.fields and not row.plan.has_status:
        row.fields.setdefault("opportunity_status", "lost")
    if row.times:
        _drop_future(row, now)
        _drop_after_as_of(row)
        _warn_before_created(row)
    if row.spans:
        _join_spans(row)
    if row.statements:
        _prefer_refusals(row)
    if "full_name" in row.contact and "last_name" not in row.contact:
        row.contact = _split_name(row.contact["full_name"]) | row.contact


def _doubt_missing_consent(row: RowValues, width: int) -> None:
    """Close every channel until a person decides, where a row ends before a column that may refuse."""
    lacking = [header for position, header in row.plan.consent_headers if position >= width]
    if lacking:
        _doubt(row, lacking[0], "the row ends before this column; a person must decide")


def _doubt(row: RowValues, header: str | None, hint: str) -> None:
    unclear = consent_words.ConsentSignal(unclear=consent_words.ALL)
    row.statements += consent.from_signal(unclear, "column", reference=header or "row", at=row.now)
    row.warn(consent.UNCLEAR, header, hint)


def _doubt_refusal_beyond(row: RowValues, record: CsvRecord, now: datetime) -> None:
    """Close every channel until a person decides, where a row and the one beside it may be one row that refuses."""
    if record.halves is None:
        return
    whole = cells.read_cells(replace(record, cells=row_checks.joined(record.halves)), row.plan, row.defaults, now)
    if any(statement.decision in CLOSING for statement in whole.statements):
        _doubt(row, None, "a line break may cut this row, and its other part refuses; a person must decide")


def _drop_future(row: RowValues, now: datetime) -> None:
    latest = now + TOLERANCE
    for name, (header, at) in list(row.times.items()):
        if at > latest:
            # an open deal has the day on which it is hoped to close
            if name != "closed_at" or row.fields.get("opportunity_status", "open") != "open":
                row.warn("time.future", header, "this lies in the future; correct the date or its time zone")
            del row.times[name]


def _drop_after_as_of(row: RowValues) -> None:
    if (as_of := _time(row, "as_of")) is None:
        return
    for name, (header, at) in list(row.times.items()):
        if at > as_of and name not in _OUTCOMES:
            row.warn("time.order", header, "this lies after as_of, the moment of the row; correct one of them")
            del row.times[name]


def _warn_before_created(row: RowValues) -> None:
    if (created := _time(row, "created_at")) is None:
        return
    # A day of grace: one of the two may be a date without a time.
    earliest = created - TOLERANCE
    for name, (header, at) in row.times.items():
        if name != "as_of" and at < earliest:
            row.warn("time.order", header, "this lies before created_at; it was imported unchanged")


def _time(row: RowValues, name: str) -> datetime | None:
    header_and_time = row.times.get(name)
    return header_and_time[1] if header_and_time else None


def _join_spans(row: RowValues) -> None:
    # A range in one of the two columns gives both ends; the other column's own value wins.
    low, high = row.spans.get("budget_min"), row.spans.get("budget_max")
    bottom = low[1] if low else (high[1] if high and high[1] != high[2] else None)
    top = high[2] if high else (low[2] if low and low[1] != low[2] else None)
    if bottom is not None and top is not None and bottom > top:
        header = high[0] if high else None
        row.warn("value.number", header, "the upper end is below the lower one; neither was imported")
        return
    ends = {"budget_min": bottom, "budget_max": top}
    row.fields |= {name: value for name, value in ends.items() if value is not None}


def _prefer_refusals(row: RowValues) -> None:
    # A refusal wins over a grant of the same channel or of all. An opt-in that was withheld blocks nothing: it only
    # contradicts grants.
    refusing = {"refused", "unsubscribed", "doubtful"}
    blocked = {statement.channel for statement in row.statements if statement.decision in refusing}
    withheld = {statement.channel for statement in row.statements if statement.decision == "withheld"}
    remaining = []
    for statement in row.statements:
        if statement.decision == "granted" and (blocked | withheld) & {statement.channel, "all"}:
            if not _refused_later(row, statement):
                hint = "a refusal in the same row contradicts this; the refusal counts"
                row.warn("consent.conflict", statement.reference, hint)
        else:
            remaining.append(statement)
    row.statements = remaining
    # a flag that is off contradicts nothing and gives way without a warning
    still_off = (name for name in row.consent if not blocked & {name.removeprefix("dnd_"), "all"})
    row.consent = dict.fromkeys(still_off, False)


def _refused_later(row: RowValues, granted: ConsentStatement) -> bool:
    """Return whether a refusal is dated after a grant: who subscribed and later unsubscribed contradicts nothing."""
    said = granted.said_at
    refusals = (statement for statement in row.statements if statement.decision in ("refused", "unsubscribed"))
    return said is not None and any(refusal.said_at and refusal.said_at >= said for refusal in refusals)


def _status_from_ends(row: RowValues) -> None:
    # In some systems the stage also says the outcome; the mapping and the profile know it better than its words do.
    if row.fields.get("opportunity_status", "open") != "open":
        return
    outcome = row.plan.outcomes.get(row.fields.get("stage", ""))
    if outcome is None:
        cells = row.record.cells
        outcome = next((told for end in row.plan.ends if (told := end.words.get(cells[end.position].strip()))), None)
    if outcome:
        row.fields["opportunity_status"] = outcome


def _split_name(full: str) -> dict[str, str]:
    last, comma, first = (part.strip() for part in full.partition(","))
    if not comma:
        first, _, last = (part.strip() for part in full.rpartition(" "))
    return {name: text for name, text in (("first_name", first), ("last_name", last)) if text}


def _draft(row: RowValues, defaults: FileDefaults) -> LeadDraft:
    as_of, label = _time(row, "as_of"), _label(row)
    default_type = {"lead_type": defaults.lead_type} if defaults.lead_type else {}
    times = {name: at for name, (_, at) in row.times.items() if name not in _DRAFT_TIMES}
    return LeadDraft(
        source_system=row.ids.get("source_system", defaults.source_system),
        external_id=_row_number_id(row) or row.ids.get("external_id"),
        contact=row.contact,
        fields=default_type | row.fields | times,
        custom=row.custom,
        consent=row.consent,
        statements=tuple(row.statements),
        as_of=as_of,
        label=label,
        label_at=None if label is None else _time(row, "label_at") or _time(row, "closed_at"),
        label_closes=row.plan.label.closes,
        events=tuple(_event(name, at, as_of) for name, (_, at) in row.times.items() if name in EVENTS),
        clean=True,
    )


def _row_number_id(row: RowValues) -> str | None:
    # A row of an error file keeps the identity that it had in the original file.
    if not row.plan.row_number:
        return None
    position = row.plan.record_position
    cell = row.record.cells[position] if position is not None else ""
    file, number = error_file.origin(cell) or (row.defaults.file, row.record.number)
    return row_id(file, number)


def _label(row: RowValues) -> bool | None:
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
