"""What follows from a refusal or a doubt that is new, proof and event, and how the ledger of consent is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from db import consent as rules
from db.records import ConsentRecord, ConsentStatement, LeadRecord, UpsertResult
from db.repositories.consent import consent
from db.session import Session
from tasks.runtime.context import TaskContext

#: types of the outbound stream
REFUSED, DOUBTFUL = "consent.refused", "consent.doubtful"


def announce(context: TaskContext, fresh: Mapping[str, Sequence[ConsentStatement]]) -> None:
    """Prove and tell what leads newly refused, and of whom a person is to decide whether they did."""
    for lead_id, statements in fresh.items():
        for event, found in _by_event(statements).items():
            if not found:
                continue
            said = _brief(found)
            context.audit("consent", lead_id=lead_id, event=event, **said)
            context.emit_event(event, lead_id, lead_id=lead_id, at=_moment(found) or context.now, **said)


def announce_results(context: TaskContext, results: Iterable[UpsertResult]) -> None:
    """Do so for what an upsert found."""
    fresh: dict[str, tuple[ConsentStatement, ...]] = {}
    for result in results:
        if result.lead_id is not None and result.refusals:
            fresh[result.lead_id] = (*fresh.get(result.lead_id, ()), *result.refusals)
    announce(context, fresh)


def announce_import(context: TaskContext, results: Iterable[UpsertResult], *, backfill_id: str) -> None:
    """Prove what a chunk of a file refused by its number, and tell of those whose words a person is to read."""
    found = [(result.lead_id, result.refusals) for result in results if result.lead_id and result.refusals]
    if not found:
        return
    closed = {lead_id for lead_id, said in found if _by_event(said)[REFUSED]}
    doubtful = {lead_id for lead_id, said in found if _by_event(said)[DOUBTFUL]}
    context.audit("consent", backfill_id=backfill_id, refused=len(closed), doubtful=len(doubtful))
    for lead_id, said in found:
        asked = [one for one in _by_event(said)[DOUBTFUL] if one.quote]
        if asked:
            context.emit_event(DOUBTFUL, lead_id, lead_id=lead_id, at=_moment(asked) or context.now, **_brief(asked))


def _by_event(statements: Sequence[ConsentStatement]) -> dict[str, list[ConsentStatement]]:
    closed = [one for one in statements if one.decision in {"refused", "unsubscribed"}]
    return {REFUSED: closed, DOUBTFUL: [one for one in statements if one.decision == "doubtful"]}


def _brief(found: Sequence[ConsentStatement]) -> dict[str, list[str]]:
    """Say it by codes: a tag, a header and a person's words stay in the ledger."""
    return {
        "channels": sorted({one.channel for one in found}),
        "basis": sorted({one.basis for one in found}),
        "rules": sorted({one.rule for one in found if one.rule}),
    }


def _moment(found: Sequence[ConsentStatement]) -> object:
    return min((one.said_at for one in found if one.said_at is not None), default=None)


def in_doubt(session: Session, tenant_id: str, *, assigned_to: str | None = None, limit: int) -> list[dict[str, Any]]:
    """Give leads that a person is to decide about, as answers show them."""
    return [
        {
            "lead_id": lead_id,
            "external_id": external_id,
            "assigned_to": agent,
            "channels": sorted(channels),
            "since": min(channels.values()),
        }
        for lead_id, external_id, agent, channels in consent.in_doubt(
            session, tenant_id, assigned_to=assigned_to, limit=limit
        )
    ]


def ledger_view(session: Session, tenant_id: str, record: LeadRecord, *, most: int | None = None) -> dict[str, Any]:
    """Give how each channel of a lead stands, and the newest statements of its ledger; without the words."""
    entries = consent.for_lead(session, tenant_id, lead_id=record.lead_id)
    return {**channels_view(record.consent), "statements": statement_views(entries)[:most]}


def channels_view(view: Mapping[str, Any]) -> dict[str, Any]:
    """Give how each channel stands in a view."""
    return {
        "contactable": rules.contactable(view),
        "in_doubt": rules.doubts(view),
        "channels": {channel: channel_state(view, channel) for channel in rules.CHANNELS},
    }


def statement_views(entries: Iterable[ConsentRecord]) -> list[dict[str, Any]]:
    """Give the statements of a ledger, the newest first, without the words, which are personal."""
    shown = [
        {
            **{name: one.get(name) for name in ("channel", "decision", "basis", "reference", "rule")},
            "source": entry.source,
            "said_at": entry.said_at,
            "recorded_at": entry.recorded_at,
            "import": entry.import_ref,
            "words": entry.quote is not None,
        }
        for entry in entries
        for one in entry.said
    ]
    return shown[::-1]


def channel_state(view: Mapping[str, Any], channel: str) -> str:
    """Say how a channel stands: refused, in_doubt, granted, withheld or unknown.

    >>> state_of({"opt_in_sms": True, "dnd_all": True}, "sms"), state_of({}, "call")
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
