"""What was read in messages: one row a message, sealed with the lead's key, stored once and read back many at a time.

A message is an inbound event with a text that its lead wrote. Only the newest of a lead are read: a snapshot looks at
no older ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import orjson
from sqlalchemy import ColumnElement, RowMapping, Subquery, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from db.base import NewRow, to_json
from db.encryption import DataKey, associated_data
from db.errors import SealBroken
from db.models import Event, Lead, MessageAnalysis
from db.records import MessageAnalysisDraft, MessageAnalysisRecord, UnreadMessage
from db.repositories.events import event_mapper
from db.repositories.leads.lead_mapper import unwrap_data_key
from db.repositories.leads.leads import data_keys
from db.repositories.sql import among, in_batches, insert_new_returning, table_of
from db.session import keyring_of, lock_tenant

#: changes with the JSON of a result; rows of a newer format are left out by an older worker
FORMAT = 1
#: messages of a lead that count, the newest
NEWEST = 200
#: kinds of events whose text somebody else wrote: the agent, or the calendar
_NOT_THE_LEADS = ("call", "note", "task", "appointment", "showing", "no_show", "meeting")

_EVENT, _ROW, _LEAD = table_of(Event), table_of(MessageAnalysis), table_of(Lead)
_SAME_LEAD = (_LEAD.c.tenant_id == _EVENT.c.tenant_id) & (_LEAD.c.lead_id == _EVENT.c.lead_id)
_SAME_EVENT = (_ROW.c.tenant_id == _EVENT.c.tenant_id) & (_ROW.c.event_id == _EVENT.c.event_id)
_MAY_BE_READ = (_LEAD.c.restricted_at.is_(None), _LEAD.c.objected_at.is_(None))


def _newest(*conditions: ColumnElement[bool]) -> Subquery:
    """Return the ids of leads' events with their place among those of the lead, the newest first."""
    newest_first = (_EVENT.c.occurred_at.desc(), _EVENT.c.event_id.desc())
    place = func.row_number().over(partition_by=_EVENT.c.lead_id, order_by=newest_first).label("place")
    return (
        select(_EVENT.c.event_id, place)
        .where(_EVENT.c.tenant_id == bindparam("tenant"), among(_EVENT.c.lead_id, "leads"), *conditions)
        .subquery("newest")
    )


_IS_MESSAGE = (
    _EVENT.c.direction == "inbound",
    _EVENT.c.text.is_not(None),
    _EVENT.c.kind.not_in(_NOT_THE_LEADS),
)
_MESSAGES = _newest(*_IS_MESSAGE)
_UNREAD_EVENTS = (
    _EVENT.c.tenant_id == bindparam("tenant"),
    _MESSAGES.c.place <= NEWEST,
    ~select(1).where(_SAME_EVENT).exists(),
    *_MAY_BE_READ,
)
_UNREAD = (
    select(
        *(_EVENT.c[name] for name in ("tenant_id", "event_id", "lead_id", "occurred_at", "recorded_at", "channel")),
        _EVENT.c.text,
        _EVENT.c.facts,
        _LEAD.c.data_key,
        _LEAD.c.fields["timezone"].as_string().label("timezone"),
        _LEAD.c.fields["state"].as_string().label("state"),
    )
    .select_from(_EVENT.join(_LEAD, _SAME_LEAD))
    .join(_MESSAGES, _MESSAGES.c.event_id == _EVENT.c.event_id)
    .where(*_UNREAD_EVENTS)
    # the newest message of each lead first, so that no long history delays what came in just now
    .order_by(_MESSAGES.c.place, _EVENT.c.event_id)
    .limit(bindparam("limit"))
)
_BEHIND = (
    select(_EVENT.c.lead_id)
    .select_from(_EVENT.join(_LEAD, _SAME_LEAD))
    .join(_MESSAGES, _MESSAGES.c.event_id == _EVENT.c.event_id)
    .where(*_UNREAD_EVENTS)
    .distinct()
    .order_by(_EVENT.c.lead_id)
)
_STORABLE = (
    select(_EVENT.c.event_id)
    .select_from(_EVENT.join(_LEAD, _SAME_LEAD))
    .where(_EVENT.c.tenant_id == bindparam("tenant"), among(_EVENT.c.event_id, "events"), *_MAY_BE_READ)
)
_RANKED = (
    select(
        *(_ROW.c[name] for name in ("tenant_id", "event_id", "lead_id", "version", "analysed_at", "result")),
        *(_EVENT.c[name] for name in ("occurred_at", "recorded_at", "channel")),
        func.row_number()
        .over(partition_by=_ROW.c.lead_id, order_by=(_EVENT.c.occurred_at.desc(), _EVENT.c.event_id.desc()))
        .label("place"),
    )
    .select_from(_ROW.join(_EVENT, _SAME_EVENT))
    .where(_ROW.c.tenant_id == bindparam("tenant"), among(_ROW.c.lead_id, "leads"), _ROW.c.format <= FORMAT)
    .subquery("ranked")
)
_OF_LEADS = (
    select(_RANKED, _LEAD.c.data_key)
    .join(_LEAD, (_LEAD.c.tenant_id == _RANKED.c.tenant_id) & (_LEAD.c.lead_id == _RANKED.c.lead_id))
    .where(_RANKED.c.place <= NEWEST)
    .order_by(_RANKED.c.lead_id, _RANKED.c.occurred_at, _RANKED.c.event_id)
)
_RAISED = (
    update(_LEAD)
    .where(_LEAD.c.tenant_id == bindparam("tenant"), among(_LEAD.c.lead_id, "leads"))
    .values(
        version=_LEAD.c.version + 1,
        # a lead that nothing but its import changed stays one: its messages came with it
        loaded_version=case(
            (_LEAD.c.loaded_version == _LEAD.c.version, _LEAD.c.loaded_version + 1), else_=_LEAD.c.loaded_version
        ),
    )
)


def unread(session: Session, tenant_id: str, *, lead_ids: Sequence[str], limit: int) -> list[UnreadMessage]:
    """Return messages of these leads that were not read yet, decrypted, at most `limit`: newest of each lead first.

    Leads that are restricted or object have none.

    Raises:
        SealBroken: a stored text was changed or moved.

    """
    ring, keys = keyring_of(session), dict[str, DataKey]()
    messages: list[UnreadMessage] = []
    for batch in in_batches(lead_ids):
        if len(messages) >= limit:
            break
        parameters = {"tenant": tenant_id, "leads": batch, "limit": limit - len(messages)}
        for row in session.connection().execute(_UNREAD, parameters).mappings():
            if row["lead_id"] not in keys:
                keys[row["lead_id"]] = unwrap_data_key(ring, row)
            messages.append(_message(row, keys[row["lead_id"]]))
    return messages


def behind(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> list[str]:
    """Return those of these leads that have messages which were not read yet, by id."""
    found: list[str] = []
    for batch in in_batches(lead_ids):
        found += session.connection().scalars(_BEHIND, {"tenant": tenant_id, "leads": batch})
    return found


def save(
    session: Session, tenant_id: str, *, drafts: Sequence[MessageAnalysisDraft], now: datetime
) -> dict[str, list[str]]:
    """Store what was read in messages, each once; return the events that are new, by lead.

    The version of each lead with a new one rises by one: a snapshot that was taken before the reading is not the one
    after it. It locks the tenant for other writers. What a lead said that was erased, restricted or that objected
    meanwhile is not stored.
    """
    lock_tenant(session, tenant_id)
    storable = _storable(session, tenant_id, drafts)
    drafts = [draft for draft in drafts if draft.event_id in storable]
    keys = data_keys(session, tenant_id, lead_ids=sorted({draft.lead_id for draft in drafts}))
    fresh: set[str] = set()
    for batch in in_batches(drafts):
        rows = [_row(draft, keys[draft.lead_id], tenant_id, now) for draft in batch]
        fresh |= insert_new_returning(session, MessageAnalysis, rows, "event_id")
    new: dict[str, list[str]] = defaultdict(list)
    for draft in drafts:
        if draft.event_id in fresh:
            new[draft.lead_id].append(draft.event_id)
    for lead_ids in in_batches(sorted(new)):
        session.connection().execute(_RAISED, {"tenant": tenant_id, "leads": lead_ids})
    return dict(new)


def for_leads(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> dict[str, list[MessageAnalysisRecord]]:
    """Return what was read in the newest messages of leads, at most `NEWEST` each, oldest first; no text is opened.

    A lead of whom nothing was read is left out.

    Raises:
        SealBroken: a stored result was changed or moved.

    """
    ring, keys = keyring_of(session), dict[str, DataKey]()
    records: dict[str, list[MessageAnalysisRecord]] = defaultdict(list)
    for batch in in_batches(lead_ids):
        for row in session.connection().execute(_OF_LEADS, {"tenant": tenant_id, "leads": batch}).mappings():
            lead_id = row["lead_id"]
            if lead_id not in keys:
                keys[lead_id] = unwrap_data_key(ring, row)
            records[lead_id].append(_record(row, keys[lead_id]))
    return dict(records)


def open_result(key: DataKey, tenant_id: str, event_id: str, sealed: bytes) -> bytes:
    """Return a stored result as JSON.

    Raises:
        SealBroken: it was changed or moved.

    """
    try:
        return key.open(sealed, _place(tenant_id, event_id))
    except SealBroken as error:
        raise SealBroken(f"message_analyses.result of event {event_id}: {error}") from None


def _storable(session: Session, tenant_id: str, drafts: Sequence[MessageAnalysisDraft]) -> set[str]:
    storable: set[str] = set()
    for batch in in_batches([draft.event_id for draft in drafts]):
        storable.update(session.connection().scalars(_STORABLE, {"tenant": tenant_id, "events": batch}))
    return storable


def _message(row: RowMapping, key: DataKey) -> UnreadMessage:
    binding = event_mapper.text_binding(row["tenant_id"], row["event_id"])
    return UnreadMessage(
        event_id=row["event_id"],
        lead_id=row["lead_id"],
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
        channel=row["channel"],
        text=key.open(row["text"], binding).decode(errors="replace"),
        facts=row["facts"],
        timezone=row["timezone"],
        state=row["state"],
    )


def _row(draft: MessageAnalysisDraft, key: DataKey, tenant_id: str, now: datetime) -> NewRow:
    return {
        "tenant_id": tenant_id,
        "event_id": draft.event_id,
        "lead_id": draft.lead_id,
        "version": draft.version,
        "format": FORMAT,
        "result": key.seal(to_json(dict(draft.result)).encode(), _place(tenant_id, draft.event_id)),
        "analysed_at": now,
    }


def _record(row: RowMapping, key: DataKey) -> MessageAnalysisRecord:
    return MessageAnalysisRecord(
        event_id=row["event_id"],
        lead_id=row["lead_id"],
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
        channel=row["channel"],
        version=row["version"],
        analysed_at=row["analysed_at"],
        result=orjson.loads(open_result(key, row["tenant_id"], row["event_id"], row["result"])),
    )


def _place(tenant_id: str, event_id: str) -> bytes:
    return associated_data(tenant_id, "message_analyses.result", event_id)
