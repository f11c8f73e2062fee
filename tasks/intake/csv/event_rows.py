"""Convert one record of a file of events to an event and the lead it happened to.

A row without a known kind or a time is not imported; any other cell that cannot be read is left out with a warning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from db.records import ConsentStatement, EventDraft, LeadDraft
from domain.channels import ConsentChannel
from tasks.intake import consent
from tasks.intake.csv import cells, row_checks, rows
from tasks.intake.csv.cells import RowValues
from tasks.intake.csv.columns.column_plan import ColumnPlan
from tasks.intake.csv.columns.mapping import FileDefaults
from tasks.intake.csv.issues import Issue
from tasks.intake.csv.source import CsvRecord

#: columns that an event must have -> what to do when one is missing
_REQUIRED = {
    "kind": "the row does not say what happened; fill in the kind",
    "occurred_at": "the row does not say when it happened; fill in the time",
}
#: kind -> its channel, for rows that name none
CHANNEL_BY_KIND = {
    **dict.fromkeys(("email", "email_sent", "email_opened", "email_clicked", "email_reply"), "email"),
    **dict.fromkeys(("sms", "sms_sent", "sms_received"), "sms"),
    **dict.fromkeys(("call", "voicemail"), "call"),
    **dict.fromkeys(("listing_view", "saved_listing", "saved_search", "search", "site_visit"), "web"),
}
#: kinds that close a channel
UNSUBSCRIBED, OPTED_OUT = "unsubscribed", "opted_out"
_INBOUND = frozenset({"sms_received", "email_reply", "reply", "replied", "inquiry"})
_BLOCKED = ("email", "sms", "call", "mail")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedEvent:
    """A record as an event, and its issues; lead and event are both there, or neither is."""

    #: the lead it happened to: ids and contact, and consent when the event withdraws it; nothing else
    lead: LeadDraft | None
    event: EventDraft | None
    issues: tuple[Issue, ...] = ()


def convert(record: CsvRecord, plan: ColumnPlan, defaults: FileDefaults, now: datetime) -> ConvertedEvent:
    """Convert one record of a file of events; `now` (aware) decides what lies in the future.

    The first issue of a row that is not imported is the reason: `row.blank` (info), `row.column_count`,
    `row.no_identity`, `value.enum` (kind), `value.date`, `value.date_ambiguous` or `time.future` (error).
    """
    unreadable = row_checks.unreadable(record, plan)
    if unreadable is not None:
        return _not_taken(unreadable)
    if row_checks.lacks_cells(record, plan):
        # the words of a message may stand in the cells that are missing
        return _not_taken(row_checks.wrong_width(record, plan))
    row = cells.read_cells(row_checks.filled_up(record, plan), plan, defaults, now)
    rows.resolve_row(row, now)
    if reason := row_checks.unidentified(row.ids, row.contact):
        return _not_taken(row_checks.row_issue(record, "row.no_identity", reason), row.issues)
    if defaults.kind:
        row.fields.setdefault("kind", defaults.kind)
    if missing := _missing_column(row):
        return _not_taken(missing, [issue for issue in row.issues if issue.column != missing.column])
    event = _event(row, defaults)
    statements = _statements(event)
    lead = _lead(row, (*row.statements, *statements), defaults)
    return ConvertedEvent(lead=lead, event=consent.mark_refusal(event, statements), issues=tuple(row.issues))


def _not_taken(reason: Issue, others: Sequence[Issue] = ()) -> ConvertedEvent:
    return ConvertedEvent(lead=None, event=None, issues=(reason, *others))


def _missing_column(row: RowValues) -> Issue | None:
    missing = [name for name in _REQUIRED if name not in row.fields and name not in row.times]
    if not missing:
        return None
    name = missing[0]
    header = next((header for header, mapped in row.plan.mapped.items() if mapped == name), None)
    cell_issue = next((issue for issue in row.issues if header is not None and issue.column == header), None)
    code = cell_issue.code if cell_issue else "value.enum" if name == "kind" else "value.date"
    message = cell_issue.message if cell_issue else f"line {row.record.line}: {_REQUIRED[name]}"
    return Issue(severity="error", code=code, column=header, message=message)


def _lead(row: RowValues, statements: tuple[ConsentStatement, ...], defaults: FileDefaults) -> LeadDraft:
    return LeadDraft(
        source_system=row.ids.get("source_system", defaults.source_system),
        external_id=row.ids.get("external_id"),
        contact=row.contact,
        statements=statements,
    )


def _statements(event: EventDraft) -> tuple[ConsentStatement, ...]:
    """Return what an event refuses: by its kind, or by the words of an inbound message or a note."""
    at, reference = event.occurred_at, event.source_id
    unsubscribed = ConsentStatement(
        channel="all", decision="unsubscribed", basis="event", reference=reference, said_at=at
    )
    if event.kind == UNSUBSCRIBED:
        return (unsubscribed,)
    if event.kind == OPTED_OUT:
        channel = cast("ConsentChannel", event.channel if event.channel in _BLOCKED else "all")
        return (replace(unsubscribed, channel=channel, decision="refused"),)
    if event.text and event.kind.startswith("note"):
        return consent.from_note(event.text, "note", at=at, reference=reference)
    if event.text and (event.direction == "inbound" or event.kind in _INBOUND):
        return consent.from_message(event.text, event.channel, at=at, reference=reference)
    return ()


def _event(row: RowValues, defaults: FileDefaults) -> EventDraft:
    kind, occurred_at = str(row.fields["kind"]), row.times["occurred_at"][1]
    return EventDraft(
        kind=kind,
        occurred_at=occurred_at,
        recorded_at=occurred_at,
        direction=row.fields.get("direction"),
        channel=row.fields.get("channel") or CHANNEL_BY_KIND.get(kind),
        facts={name: row.fields[name] for name in ("duration", "value") if name in row.fields},
        text=row.fields.get("text"),
        source=row.ids.get("source_system", defaults.source_system),
        source_id=row.ids.get("source_id") or _derived_source_id(row, kind, occurred_at),
    )


def _derived_source_id(row: RowValues, kind: str, at: datetime) -> str:
    # Two messages of one minute differ in their text. Four digits of a hash tell them apart and reveal no text.
    text = str(row.fields.get("text", ""))
    mark = f":{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:4]}" if text else ""
    return f"{kind}:{row.fields.get('direction', '-')}:{at.isoformat()}{mark}"
