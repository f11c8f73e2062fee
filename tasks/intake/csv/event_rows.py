"""From one record of a file of events to what happened, and to whom.

A row that has no known kind or no time is not taken; any other cell that cannot be read is left out with a warning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from db.records import Channel, ConsentStatement, EventDraft, LeadDraft
from tasks.intake import consent
from tasks.intake.csv import cells, row_checks, rows
from tasks.intake.csv.cells import Cells
from tasks.intake.csv.columns import ColumnPlan
from tasks.intake.csv.issues import Problem
from tasks.intake.csv.mapping import Defaults
from tasks.intake.csv.source import Record

#: columns without which there is no event -> what to do
_NEEDED = {
    "kind": "the row does not say what happened; fill in the kind",
    "occurred_at": "the row does not say when it happened; fill in the time",
}
#: kind -> the channel that it goes without saying
CHANNELS = {
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
    """What became of a record; lead and event are both there, or neither."""

    #: who it happened to: ids and contact, and consent where the event withdraws it; nothing else
    lead: LeadDraft | None
    event: EventDraft | None
    problems: tuple[Problem, ...] = ()


def convert(record: Record, plan: ColumnPlan, defaults: Defaults, now: datetime) -> ConvertedEvent:
    """Read one record of a file of events; `now` (aware) decides what is in the future.

    A row that is not taken has its reason first: `row.blank` (info), `row.column_count`, `row.no_identity`,
    `value.enum` (kind), `value.date`, `value.date_ambiguous` or `time.future` (error).
    """
    fault = row_checks.fault(record, plan)
    if fault is not None:
        return _nothing(fault)
    row = cells.read(record, plan, defaults, now)
    rows.finish_row(row, now)
    if reason := row_checks.stranger(record, row.ids, row.contact):
        return _nothing(row_checks.refusal(record, "row.no_identity", reason), row.problems)
    if defaults.kind:
        row.fields.setdefault("kind", defaults.kind)
    if lacking := _lacking(row):
        return _nothing(lacking, [each for each in row.problems if each.column != lacking.column])
    event = _event(row, defaults)
    said = _statements(event)
    lead = _lead(row, (*row.statements, *said), defaults)
    return ConvertedEvent(lead=lead, event=consent.refusing(event, said), problems=tuple(row.problems))


def _nothing(reason: Problem, others: Sequence[Problem] = ()) -> ConvertedEvent:
    return ConvertedEvent(lead=None, event=None, problems=(reason, *others))


def _lacking(row: Cells) -> Problem | None:
    missing = [name for name in _NEEDED if name not in row.fields and name not in row.times]
    if not missing:
        return None
    name = missing[0]
    header = next((header for header, mapped in row.plan.mapped.items() if mapped == name), None)
    found = next((each for each in row.problems if header is not None and each.column == header), None)
    code = found.code if found else "value.enum" if name == "kind" else "value.date"
    message = found.message if found else f"line {row.record.line}: {_NEEDED[name]}"
    return Problem(severity="error", code=code, column=header, message=message)


def _lead(row: Cells, said: tuple[ConsentStatement, ...], defaults: Defaults) -> LeadDraft:
    return LeadDraft(
        source_system=row.ids.get("source_system", defaults.source_system),
        external_id=row.ids.get("external_id"),
        contact=row.contact,
        statements=said,
    )


def _statements(event: EventDraft) -> tuple[ConsentStatement, ...]:
    """Give what an event refuses: by its kind, or by the words of an inbound message or a note."""
    at, reference = event.occurred_at, event.source_id
    told: dict[str, Any] = {"basis": "event", "reference": reference, "said_at": at}
    if event.kind == UNSUBSCRIBED:
        return (ConsentStatement(channel="all", decision="unsubscribed", **told),)
    if event.kind == OPTED_OUT:
        channel = cast("Channel", event.channel if event.channel in _BLOCKED else "all")
        return (ConsentStatement(channel=channel, decision="refused", **told),)
    if event.text and event.kind.startswith("note"):
        return consent.of_note(event.text, "note", at=at, reference=reference)
    if event.text and (event.direction == "inbound" or event.kind in _INBOUND):
        return consent.of_message(event.text, event.channel, at=at, reference=reference)
    return ()


def _event(row: Cells, defaults: Defaults) -> EventDraft:
    kind, occurred_at = str(row.fields["kind"]), row.times["occurred_at"][1]
    return EventDraft(
        kind=kind,
        occurred_at=occurred_at,
        recorded_at=occurred_at,
        direction=row.fields.get("direction"),
        channel=row.fields.get("channel") or CHANNELS.get(kind),
        facts={name: row.fields[name] for name in ("duration", "value") if name in row.fields},
        text=row.fields.get("text"),
        source=row.ids.get("source_system", defaults.source_system),
        source_id=row.ids.get("source_id") or _made_up(row, kind, occurred_at),
    )


def _made_up(row: Cells, kind: str, at: datetime) -> str:
    # Two messages of one minute differ in their text. Four digits tell them apart and give no text away.
    text = str(row.fields.get("text", ""))
    mark = f":{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:4]}" if text else ""
    return f"{kind}:{row.fields.get('direction', '-')}:{at.isoformat()}{mark}"
