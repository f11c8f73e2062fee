"""Scrub the tables whose rows name people inside documents: remove what names a person, or delete the row."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Text, UpdateBase, cast, delete, false, func, or_, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.base import NewRow, new_id, to_json
from db.data_subject import DataSubject, is_generated_id
from db.encryption import associated_data
from db.models import (
    Assessment,
    Backfill,
    ComparedRow,
    DeliveryAttempt,
    EntityState,
    IdempotencyKey,
    Lease,
    OutboundEvent,
    OutboxEntry,
    QuarantinedMessage,
    QuarantineTally,
    RawEvent,
    RejectedEntry,
)
from db.repositories.jobs import sealed_outbox
from db.repositories.jobs.quarantine import AWAITS_TENANT, mark_of
from db.repositories.sql import in_batches, rowcount
from db.session import keyring_of
from db.tenancy import across_tenants
from domain.documents import JsonMapping

#: what an event of the outbound stream becomes
WITHDRAWN = "event.withdrawn"
#: the tenant of messages that do not name theirs
_UNKNOWN_TENANT = "*"
_STREAM = 500
#: Celery's own copies of arguments in a message's headers
_COPIES = ("argsrepr", "kwargsrepr")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrubResult:
    """The numbers of rows changed or deleted, by table, and the ids of tasks among them."""

    stores: Mapping[str, int]
    task_ids: tuple[str, ...]


def scrub(session: Session, tenant_id: str, *, subject: DataSubject, now: datetime) -> ScrubResult:
    """Remove a person from every table that names people inside its documents."""
    outbox_ids = outbox(session, tenant_id, subject)
    processed_ids = processed(session, tenant_id, subject)
    stores = {
        "outbox": len(outbox_ids),
        "processed": len(processed_ids),
        "attempts": task_ids(session, tenant_id, subject),
        "assessments": assessments(session, tenant_id, subject, now),
        "quarantine": quarantine(session, tenant_id, subject) + _messages_without_tenant(session, tenant_id, subject),
        "rejected_rows": rejected_rows(session, tenant_id, subject),
        "outbound_events": outbound_events(session, tenant_id, subject),
        "raw_events": raw_events(session, tenant_id, subject),
        "entity_states": entity_states(session, tenant_id, subject),
        "compared_rows": compared_rows(session, tenant_id, subject),
    }
    return ScrubResult(stores=stores, task_ids=tuple(dict.fromkeys([*outbox_ids, *processed_ids])))


def scrub_answers(session: Session, tenant_id: str, *, subject: DataSubject) -> int:
    """Remove a person from answers and follow-ups of tasks that ended beside the erasure; return how many.

    Events stay: the newest one tells the CRM of the erasure itself.
    """
    return len(outbox(session, tenant_id, subject)) + len(processed(session, tenant_id, subject))


def outbox(session: Session, tenant_id: str, subject: DataSubject) -> list[str]:
    """Delete tasks about the person, and remove the person from tasks about many; return the ids of these tasks."""
    candidates = (OutboxEntry.tenant_id == tenant_id, may_name(OutboxEntry.kwargs, subject))
    rows = session.execute(select(OutboxEntry.outbox_id, OutboxEntry.kwargs).where(*candidates).with_for_update()).all()
    outbox_ids = []
    for outbox_id, kwargs in rows:
        if not subject.in_document(kwargs):
            continue
        remaining, about_nobody_else = subject.without(kwargs)
        row = (OutboxEntry.tenant_id == tenant_id, OutboxEntry.outbox_id == outbox_id)
        _run(
            session,
            delete(OutboxEntry).where(*row)
            if about_nobody_else
            else update(OutboxEntry).where(*row).values(kwargs=remaining),
        )
        outbox_ids.append(outbox_id)
    return [*outbox_ids, *_sealed_outbox(session, tenant_id, subject)]


def _sealed_outbox(session: Session, tenant_id: str, subject: DataSubject) -> list[str]:
    ring, outbox_ids = keyring_of(session), []
    for outbox_id, kwargs in sealed_outbox.open_all(session, tenant_id, lock=True):
        if not names(kwargs, subject):
            continue
        remaining = _body_without(kwargs, subject)
        row = (OutboxEntry.tenant_id == tenant_id, OutboxEntry.outbox_id == outbox_id)
        if isinstance(remaining, dict):
            sealed = sealed_outbox.seal_kwargs(ring, tenant_id, outbox_id, remaining)
            _run(session, update(OutboxEntry).where(*row).values(sealed_kwargs=sealed))
        else:
            _run(session, delete(OutboxEntry).where(*row))
        outbox_ids.append(outbox_id)
    return outbox_ids


def names(kwargs: JsonMapping, subject: DataSubject) -> bool:
    """Return whether the arguments of a task name the person, also by first and last name together."""
    return subject.in_document(kwargs) or subject.in_bytes(to_json(dict(kwargs)).encode(errors="replace"))


def processed(session: Session, tenant_id: str, subject: DataSubject) -> list[str]:
    """Remove the person from stored results, and from keys and task ids made by callers; return the tasks' ids.

    A key or id made by a caller is replaced where it names the person, and where the result is about nobody else.
    """
    key, named = IdempotencyKey.key, subject.key_needles()
    parts = (
        may_name(IdempotencyKey.result, subject),
        contains_any(key, named),
        contains_any(IdempotencyKey.task_id, named),
    )
    candidates = (IdempotencyKey.tenant_id == tenant_id, or_(*parts))
    rows = session.execute(
        select(IdempotencyKey.task, key, IdempotencyKey.task_id, IdempotencyKey.result).where(*candidates)
    ).all()
    found_ids = []
    for task, old_key, task_id, result in rows:
        about = subject.in_document(result)
        if not (about or subject.in_key(old_key) or subject.in_key(task_id)):
            continue
        alone = about and subject.without(result)[1]
        new_key = _pseudonym(subject, old_key, alone=alone)
        new_task_id = _pseudonym(subject, task_id, alone=alone)
        row = (IdempotencyKey.tenant_id == tenant_id, IdempotencyKey.task == task, IdempotencyKey.key == old_key)
        new_result = _redacted_result(subject, result, new_task_id)
        values = {"key": new_key, "task_id": new_task_id, "result": new_result}
        _run(session, update(IdempotencyKey).where(*row).values(values))
        found_ids.append(task_id)
    return found_ids


def task_ids(session: Session, tenant_id: str, subject: DataSubject) -> int:
    """Delete attempts and leases under task ids that name the person; return their number."""
    named = subject.key_needles()
    attempt_query = select(DeliveryAttempt.task, DeliveryAttempt.task_id).where(
        DeliveryAttempt.tenant_id == tenant_id, contains_any(DeliveryAttempt.task_id, named)
    )
    attempts = [row for row in session.execute(attempt_query) if subject.in_key(row.task_id)]
    for task, task_id in attempts:
        conditions = (
            DeliveryAttempt.tenant_id == tenant_id,
            DeliveryAttempt.task == task,
            DeliveryAttempt.task_id == task_id,
        )
        _run(session, delete(DeliveryAttempt).where(*conditions))
    lease_query = select(Lease.name, Lease.holder).where(
        Lease.tenant_id == tenant_id, contains_any(Lease.holder, named)
    )
    leases = [name for name, holder in session.execute(lease_query) if subject.in_key(holder)]
    for name in leases:
        _run(session, delete(Lease).where(Lease.tenant_id == tenant_id, Lease.name == name))
    return len(attempts) + len(leases)


def assessments(session: Session, tenant_id: str, subject: DataSubject, now: datetime) -> int:
    """Remove the person from runs; end a run that had nobody else, so that its stages find nothing to do."""
    columns = (Assessment.assessment_id, Assessment.lead_ids, Assessment.snapshot_ids, Assessment.stages)
    candidates = (Assessment.tenant_id == tenant_id, may_name(Assessment.lead_ids, subject))
    rows = session.execute(select(*columns, Assessment.state).where(*candidates).with_for_update()).all()
    for assessment_id, lead_ids, snapshot_ids, stages, state in rows:
        positions = [at for at, lead_id in enumerate(lead_ids) if lead_id not in subject.lead_ids]
        # a snapshot has the position of its lead
        aligned = len(snapshot_ids) == len(lead_ids)
        values: NewRow = {
            "lead_ids": [lead_ids[at] for at in positions],
            "snapshot_ids": [snapshot_ids[at] for at in positions] if aligned else [],
        }
        if not positions and state == "running":
            values |= {"stages": _late(stages), "state": "partial", "finished_at": now}
        row = (Assessment.tenant_id == tenant_id, Assessment.assessment_id == assessment_id)
        _run(session, update(Assessment).where(*row).values(values))
    return len(rows)


def quarantine(session: Session, tenant_id: str, subject: DataSubject, *those: ColumnElement[bool]) -> int:
    """Remove the person from messages, of `those` if given; delete one about nobody else, or that cannot be parsed."""
    # the tally first, in the order of all other code that locks both
    tally = QuarantineTally.tenant_id == tenant_id
    session.execute(select(QuarantineTally.held).where(tally).with_for_update())
    deleted = changes = 0
    for quarantine_id, state, content in _messages(session, tenant_id, those):
        remaining = _message_without(content, subject)
        if remaining is content:
            continue
        changes += 1
        row = (QuarantinedMessage.tenant_id == tenant_id, QuarantinedMessage.quarantine_id == quarantine_id)
        if remaining is None:
            _run(session, delete(QuarantinedMessage).where(*row))
            deleted += state == "held"
        else:
            sealed = keyring_of(session).seal(to_json(remaining).encode(), _message_place(tenant_id, quarantine_id))
            _run(session, update(QuarantinedMessage).where(*row).values(content=sealed))
    if deleted:
        _run(session, update(QuarantineTally).where(tally).values(held=QuarantineTally.held - deleted))
    return changes


def _messages_without_tenant(session: Session, tenant_id: str, subject: DataSubject) -> int:
    """Remove the person from messages that name no tenant, and from those that waited for this one.

    What waits for another tenant is about that tenant's people.
    """
    own = QuarantinedMessage.quarantine_id.startswith(mark_of(tenant_id), autoescape=True)
    with across_tenants(session):
        return quarantine(session, _UNKNOWN_TENANT, subject, or_(QuarantinedMessage.reason != AWAITS_TENANT, own))


def rejected_rows(session: Session, tenant_id: str, subject: DataSubject) -> int:
    """Delete rejected rows whose cells name the person, also by first and last name together."""
    keys = [
        key for key, header, cells in rejected_cells(session, tenant_id) if subject.in_row(header, cells, by_name=True)
    ]
    columns = tuple_(RejectedEntry.backfill_id, RejectedEntry.number, RejectedEntry.position)
    for batch in in_batches(keys, _STREAM):
        conditions = (RejectedEntry.tenant_id == tenant_id, columns.in_(batch))
        _run(session, delete(RejectedEntry).where(*conditions))
    return len(keys)


def rejected_cells(session: Session, tenant_id: str) -> Iterator[tuple[tuple[str, int, int], list[str], list[str]]]:
    """Yield key, header and cells, decrypted, of every row that imports rejected."""
    ring = keyring_of(session)
    sources = session.execute(select(Backfill.backfill_id, Backfill.source).where(Backfill.tenant_id == tenant_id))
    headers = {backfill_id: list((source.get("source") or {}).get("header", ())) for backfill_id, source in sources}
    columns = (RejectedEntry.backfill_id, RejectedEntry.number, RejectedEntry.position)
    rows = session.execute(select(*columns, RejectedEntry.cells).where(RejectedEntry.tenant_id == tenant_id))
    for backfill_id, number, position, sealed in rows.all():
        where = associated_data(tenant_id, "rejected_rows.cells", backfill_id, str(number), str(position))
        yield (backfill_id, number, position), headers.get(backfill_id, []), json.loads(ring.open(sealed, where))


def outbound_events(session: Session, tenant_id: str, subject: DataSubject) -> int:
    """Empty events about the person; their rows stay, since the stream has no gaps."""
    candidates = or_(OutboundEvent.lead_id.in_(sorted(subject.lead_ids)), may_name(OutboundEvent.body, subject))
    rows = select(OutboundEvent.sequence, OutboundEvent.lead_id, OutboundEvent.body).where(
        OutboundEvent.tenant_id == tenant_id, candidates
    )
    sequences = [
        sequence
        for sequence, lead_id, body in session.execute(rows)
        if lead_id in subject.lead_ids or subject.in_document(body)
    ]
    for batch in in_batches(sequences):
        statement = update(OutboundEvent).where(OutboundEvent.tenant_id == tenant_id, OutboundEvent.sequence.in_(batch))
        _run(session, statement.values(type=WITHDRAWN, lead_id=None, body={}))
    return len(sequences)


def raw_events(session: Session, tenant_id: str, subject: DataSubject) -> int:
    """Delete events that belong to no lead, yet name the person; events of a lead are deleted with it."""
    ring = keyring_of(session)
    without_lead = (RawEvent.tenant_id == tenant_id, RawEvent.lead_id.is_(None))
    raw_ids = []
    for raw_id, sealed in session.execute(select(RawEvent.raw_id, RawEvent.payload).where(*without_lead)).all():
        plain = ring.open(sealed, associated_data(tenant_id, "raw_events.payload", raw_id))
        if subject.in_document(_document(plain)) or subject.in_bytes(plain):
            raw_ids.append(raw_id)
    for batch in in_batches(raw_ids):
        _run(session, delete(RawEvent).where(RawEvent.tenant_id == tenant_id, RawEvent.raw_id.in_(batch)))
    return len(raw_ids)


def entity_states(session: Session, tenant_id: str, subject: DataSubject) -> int:
    """Delete states under the sources' ids of the person, also where they belong to no lead."""
    ids = sorted(subject.external_ids)
    named = or_(EntityState.subject.in_(ids), EntityState.entity_id.in_(ids))
    return _run(session, delete(EntityState).where(EntityState.tenant_id == tenant_id, named))


def compared_rows(session: Session, tenant_id: str, subject: DataSubject) -> int:
    """Delete rows under the sources' ids of the person, also where they belong to no lead."""
    conditions = (ComparedRow.tenant_id == tenant_id, ComparedRow.external_id.in_(sorted(subject.external_ids)))
    return _run(session, delete(ComparedRow).where(*conditions))


def may_name(column: InstrumentedAttribute[object], subject: DataSubject) -> ColumnElement[bool]:
    """Return a condition that is true wherever a document or text names the person, and in some other rows."""
    text = func.lower(cast(column, Text))
    return or_(false(), *(text.contains(needle, autoescape=True) for needle in subject.needles()))


def contains_any(column: InstrumentedAttribute[str], needles: Sequence[str]) -> ColumnElement[bool]:
    """Return a condition that is true where a text, in lower case, contains any of these."""
    return or_(false(), *(func.lower(column).contains(needle, autoescape=True) for needle in needles))


def _pseudonym(subject: DataSubject, key: str, *, alone: bool) -> str:
    """Return a key or task id as it is, or a new one where it names or may name the person.

    With `alone` (the result is about nobody else), every key that a caller made may name the person.
    """
    revealing = subject.in_key(key) or (alone and not is_generated_id(key))
    return f"forgotten:{new_id()}" if revealing else key


def _redacted_result(subject: DataSubject, result: object, task_id: str) -> object:
    redacted = subject.blanked(result)
    return {**redacted, "task_id": task_id} if isinstance(redacted, dict) and "task_id" in redacted else redacted


def _late(stages: Mapping[str, str]) -> dict[str, str]:
    return {stage: "late" if state == "pending" else state for stage, state in stages.items()}


def _messages(
    session: Session, tenant_id: str, those: Sequence[ColumnElement[bool]]
) -> list[tuple[str, str, JsonMapping]]:
    ring = keyring_of(session)
    query = select(QuarantinedMessage.quarantine_id, QuarantinedMessage.state, QuarantinedMessage.content).where(
        QuarantinedMessage.tenant_id == tenant_id, *those
    )
    rows = session.execute(query.with_for_update()).all()
    return [
        (row_id, state, json.loads(ring.open(raw, _message_place(tenant_id, row_id)))) for row_id, state, raw in rows
    ]


def _message_without(content: JsonMapping, subject: DataSubject) -> JsonMapping | None:
    """Return the message without the person: itself when it does not name them, None when nothing is left."""
    body, headers = base64.b64decode(content["body"]), _without_copies(content["headers"])
    if not (subject.in_document(_document(body)) or subject.in_bytes(body) or _in_headers(subject, content["headers"])):
        return content
    remaining = _body_without(_document(body), subject)
    if remaining is None or _in_headers(subject, headers):
        return None
    return {"headers": headers, "body": base64.b64encode(to_json(remaining).encode()).decode()}


def _in_headers(subject: DataSubject, headers: object) -> bool:
    """Return whether headers name the person; they contain the task id, which a caller may have made."""
    return subject.in_document(headers) or subject.in_bytes(to_json(headers).encode(errors="replace"))


def _body_without(document: object, subject: DataSubject) -> object:
    """Return a body (of either protocol, or kwargs alone) without the person; None when it is about nobody else."""
    if isinstance(document, list) and len(document) == 3:
        (args, no_args), (kwargs, no_kwargs) = subject.without(document[0]), subject.without(document[1])
        return None if no_args or no_kwargs else [args, kwargs, document[2]]
    remaining, about_nobody_else = subject.without(document)
    return None if about_nobody_else or subject.in_document(remaining) or not isinstance(remaining, dict) else remaining


def _without_copies(headers: object) -> object:
    if not isinstance(headers, Mapping):
        return headers
    inner = headers.get("headers")
    if isinstance(inner, Mapping):
        return {**headers, "headers": {name: value for name, value in inner.items() if name not in _COPIES}}
    return dict(headers)


def _document(raw: bytes) -> object:
    try:
        document: object = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return document


def _run(session: Session, statement: UpdateBase) -> int:
    return rowcount(session, statement.execution_options(synchronize_session=False))


def _message_place(tenant_id: str, quarantine_id: str) -> bytes:
    return associated_data(tenant_id, "quarantine.content", quarantine_id)
