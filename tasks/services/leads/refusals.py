"""Announce new refusals and doubts by an audit row and an event, and show the ledger of consent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from db import consent as rules
from db.records import ConsentRecord, ConsentStatement, LeadRecord, UpsertResult
from db.repositories.consent import consent
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from tasks.runtime.context import TaskContext

#: types of the outbound stream
REFUSED, DOUBTFUL = "consent.refused", "consent.doubtful"


def announce(context: TaskContext, fresh: Mapping[str, Sequence[ConsentStatement]]) -> None:
    """Write the audit row and the event of what leads newly refused, or may have refused: a person decides that."""
    for lead_id, statements in fresh.items():
        for event, of_event in _by_event(statements).items():
            if not of_event:
                continue
            codes = _codes(of_event)
            context.audit("consent", lead_id=lead_id, event=event, **codes)
            context.emit_event(event, lead_id, lead_id=lead_id, at=_first_said(of_event) or context.now, **codes)


def announce_results(context: TaskContext, results: Iterable[UpsertResult]) -> None:
    """Announce the refusals and doubts that an upsert found."""
    fresh: dict[str, tuple[ConsentStatement, ...]] = {}
    for result in results:
        if result.lead_id is not None and result.refusals:
            fresh[result.lead_id] = (*fresh.get(result.lead_id, ()), *result.refusals)
    announce(context, fresh)


def announce_import(context: TaskContext, results: Iterable[UpsertResult], *, backfill_id: str) -> None:
    """Write one audit row with the counts of a chunk of a file, and events only where a person is to read words."""
    refusing = [(result.lead_id, result.refusals) for result in results if result.lead_id and result.refusals]
    if not refusing:
        return
    closed = {lead_id for lead_id, statements in refusing if _by_event(statements)[REFUSED]}
    doubtful = {lead_id for lead_id, statements in refusing if _by_event(statements)[DOUBTFUL]}
    context.audit("consent", backfill_id=backfill_id, refused=len(closed), doubtful=len(doubtful))
    for lead_id, statements in refusing:
        with_words = [statement for statement in _by_event(statements)[DOUBTFUL] if statement.quote]
        if with_words:
            said_at = _first_said(with_words) or context.now
            context.emit_event(DOUBTFUL, lead_id, lead_id=lead_id, at=said_at, **_codes(with_words))


def _by_event(statements: Sequence[ConsentStatement]) -> dict[str, list[ConsentStatement]]:
    return {
        REFUSED: [statement for statement in statements if statement.decision in {"refused", "unsubscribed"}],
        DOUBTFUL: [statement for statement in statements if statement.decision == "doubtful"],
    }


def _codes(statements: Sequence[ConsentStatement]) -> dict[str, list[str]]:
    """Return codes alone: a tag, a header and a person's words stay in the ledger."""
    return {
        "channels": sorted({statement.channel for statement in statements}),
        "basis": sorted({statement.basis for statement in statements}),
        "rules": sorted({statement.rule for statement in statements if statement.rule}),
    }


def _first_said(statements: Sequence[ConsentStatement]) -> datetime | None:
    return min((statement.said_at for statement in statements if statement.said_at is not None), default=None)


def in_doubt(session: Session, tenant_id: str, *, assigned_to: str | None = None, limit: int) -> list[JsonObject]:
    """Return leads of which a person is to decide whether they refused, as answers show them."""
    return [
        {
            "lead_id": lead_id,
            "external_id": identity and identity[1],
            "source_system": identity and identity[0],
            "assigned_to": agent,
            "channels": sorted(channels),
            "since": min(channels.values()),
        }
        for lead_id, identity, agent, channels in consent.in_doubt(
            session, tenant_id, assigned_to=assigned_to, limit=limit
        )
    ]


def ledger_view(session: Session, tenant_id: str, record: LeadRecord, *, most: int | None = None) -> JsonObject:
    """Return the state of each channel of a lead, and the newest statements of its ledger without the words."""
    entries = consent.for_lead(session, tenant_id, lead_id=record.lead_id)
    return {**channels_view(record.consent), "statements": statement_views(entries)[:most]}


def channels_view(view: JsonMapping) -> JsonObject:
    """Return the state of each channel in a view."""
    return {
        "contactable": rules.contactable(view),
        "in_doubt": rules.doubts(view),
        "channels": {channel: channel_state(view, channel) for channel in rules.CHANNELS},
    }


def statement_views(entries: Iterable[ConsentRecord]) -> list[JsonObject]:
    """Return the statements of a ledger, the newest first, without the words, which are personal."""
    views = [
        {
            **{name: statement.get(name) for name in ("channel", "decision", "basis", "reference", "rule")},
            "source": entry.source,
            "said_at": entry.said_at,
            "recorded_at": entry.recorded_at,
            "import": entry.import_ref,
            "words": entry.quote is not None,
        }
        for entry in entries
        for statement in entry.said
    ]
    return views[::-1]


def channel_state(view: JsonMapping, channel: str) -> str:
    """Return the state of a channel: refused, in_doubt, granted, withheld or unknown.

    >>> channel_state({"opt_in_sms": True, "dnd_all": True}, "sms"), channel_state({}, "call")
    ('refused', 'unknown')
    """
    if view.get("unsubscribed_at") or any(view.get(name) is True for name in ("dnd", "dnd_all", f"dnd_{channel}")):
        return "refused"
    if view.get("doubt_all_at") or view.get(f"doubt_{channel}_at"):
        return "in_doubt"
    agreed = [view.get(f"opt_in_{which}") for which in (channel, "all")]
    if False in agreed:
        return "withheld"
    return "granted" if view.get(f"opt_in_{channel}") is True else "unknown"
