"""Collect everything that is stored about a person, decrypted, for the copy that they may ask for (Art. 15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import orjson
from sqlalchemy import Table, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.data_subject import DataSubject
from db.encryption import associated_data
from db.models import (
    Assessment,
    AuditEntry,
    IdempotencyKey,
    Lead,
    LeadIdentity,
    ModelVersion,
    OutboundEvent,
    OutboxEntry,
)
from db.repositories.consent import consent
from db.repositories.events import events, message_analyses
from db.repositories.jobs import sealed_outbox
from db.repositories.leads import leads
from db.repositories.models import lineage
from db.repositories.predictions import snapshots
from db.repositories.privacy import corrections, erasure_stores
from db.repositories.privacy.erasure import subject_tables
from db.repositories.privacy.erasure_stores import may_name, rejected_cells
from db.repositories.sql import in_batches
from domain.documents import JsonMapping

#: columns that are not about the person: keys, hashes, and sealed bytes that the copy contains decrypted
_INTERNAL = frozenset({"tenant_id", "data_key", "contact", "custom", "email_hash", "phone_hash", "event_key", "marks"})


def collect(session: Session, tenant_id: str, *, subject: DataSubject) -> dict[str, list[JsonMapping]]:
    """Return rows by table; times are aware datetimes.

    Raises:
        SealBroken: a stored row was changed or moved.

    """
    tables = of_leads(session, tenant_id, subject=subject)
    tables["rejected_rows"] = [
        {"import": key[0], "cells": dict(zip(header, cells, strict=False)), "more": cells[len(header) :]}
        for key, header, cells in rejected_cells(session, tenant_id)
        if subject.in_row(header, cells, by_name=True)
    ]
    return tables | _mentions(session, tenant_id, subject)


def of_leads(session: Session, tenant_id: str, *, subject: DataSubject) -> dict[str, list[JsonMapping]]:
    """Return the rows of the subject's leads in every table that names leads in a column, decrypted, by table.

    Raises:
        SealBroken: a stored row was changed or moved.

    """
    tables = {table.name: _rows(session, tenant_id, table, column, subject) for table, column in subject_tables()}
    tables["leads"] = [_lead(session, tenant_id, lead_id) for lead_id in sorted(subject.lead_ids)]
    _open_texts(session, tenant_id, tables["events"], subject)
    _open_analyses(session, tenant_id, tables["message_analyses"])
    _open_quotes(session, tenant_id, tables["consent_entries"], subject)
    tables["corrections"] = _corrections(session, tenant_id, subject)
    _open_features(session, tenant_id, tables["snapshots"])
    _open_raw(session, tenant_id, tables["raw_events"])
    return tables


def _rows(session: Session, tenant_id: str, table: Table, column: str, subject: DataSubject) -> list[JsonMapping]:
    conditions = (table.c.tenant_id == tenant_id, table.c[column].in_(sorted(subject.lead_ids)))
    rows = session.execute(select(table).where(*conditions).order_by(*table.primary_key.columns)).mappings()
    return [{name: value for name, value in row.items() if name not in _INTERNAL} for row in rows]


def _lead(session: Session, tenant_id: str, lead_id: str) -> JsonMapping:
    [record] = leads.get(session, tenant_id, lead_ids=[lead_id])
    restricted = select(Lead.restricted_at, Lead.objected_at).where(
        Lead.tenant_id == tenant_id, Lead.lead_id == lead_id
    )
    identities = select(LeadIdentity.source_system, LeadIdentity.external_id).where(
        LeadIdentity.tenant_id == tenant_id, LeadIdentity.lead_id == lead_id
    )
    restrictions = dict(session.execute(restricted).mappings().one())
    return {**asdict(record), **restrictions, "known_as": [dict(row) for row in session.execute(identities).mappings()]}


def _open_texts(session: Session, tenant_id: str, rows: list[JsonMapping], subject: DataSubject) -> None:
    texts: dict[str, str] = {}
    for lead_id in sorted(subject.lead_ids):
        texts |= events.texts(session, tenant_id, lead_id=lead_id)
    _replace(rows, "text", {row["event_id"]: texts.get(row["event_id"]) for row in rows}, "event_id")


def _open_analyses(session: Session, tenant_id: str, rows: list[JsonMapping]) -> None:
    keys = leads.data_keys(session, tenant_id, lead_ids=sorted({row["lead_id"] for row in rows}))
    results = {
        row["event_id"]: orjson.loads(
            message_analyses.open_result(keys[row["lead_id"]], tenant_id, row["event_id"], row["result"])
        )
        for row in rows
    }
    _replace(rows, "result", results, "event_id")


def _open_quotes(session: Session, tenant_id: str, rows: list[JsonMapping], subject: DataSubject) -> None:
    entries = (
        entry for lead_id in sorted(subject.lead_ids) for entry in consent.for_lead(session, tenant_id, lead_id=lead_id)
    )
    _replace(rows, "quote", {entry.entry_id: entry.quote for entry in entries}, "entry_id")


def _corrections(session: Session, tenant_id: str, subject: DataSubject) -> list[JsonMapping]:
    return [
        {"lead_id": lead_id, **asdict(record)}
        for lead_id in sorted(subject.lead_ids)
        for record in corrections.for_lead(session, tenant_id, lead_id=lead_id)
    ]


def _open_features(session: Session, tenant_id: str, rows: list[JsonMapping]) -> None:
    ids = [row["snapshot_id"] for row in rows]
    records = snapshots.get(session, tenant_id, snapshot_ids=ids, with_profiles=True)
    _replace(rows, "features", {record.snapshot_id: dict(record.features) for record in records}, "snapshot_id")
    _replace(rows, "profile", {record.snapshot_id: record.profile for record in records}, "snapshot_id")


def _open_raw(session: Session, tenant_id: str, rows: list[JsonMapping]) -> None:
    keys = leads.data_keys(session, tenant_id, lead_ids=sorted({row["lead_id"] for row in rows}))
    payloads = {
        row["raw_id"]: keys[row["lead_id"]].open(
            row["payload"], associated_data(tenant_id, "raw_events.payload", row["raw_id"])
        )
        for row in rows
    }
    _replace(rows, "payload", {raw_id: text.decode(errors="replace") for raw_id, text in payloads.items()}, "raw_id")


def _replace(rows: list[JsonMapping], column: str, opened: Mapping[str, object], key: str) -> None:
    rows[:] = [{**row, column: opened[row[key]]} for row in rows]


def _mentions(session: Session, tenant_id: str, subject: DataSubject) -> dict[str, list[JsonMapping]]:
    """Return rows of other tables that name the person, without what they say about anybody else."""
    models = lineage.models_trained_on(session, tenant_id, lead_ids=sorted(subject.lead_ids))
    # by id alone, since a pooled model belongs to another owner
    trained = select(ModelVersion.kind, ModelVersion.version, ModelVersion.trained_at, ModelVersion.scope).where(
        ModelVersion.model_id.in_(models)
    )
    columns_by_table = {
        "assessments": (Assessment.lead_ids, Assessment.assessment_id, Assessment.as_of, Assessment.state),
        "outbound_events": (OutboundEvent.body, OutboundEvent.type, OutboundEvent.created_at),
        "processed": (IdempotencyKey.result, IdempotencyKey.task, IdempotencyKey.created_at),
        "outbox": (OutboxEntry.kwargs, OutboxEntry.task, OutboxEntry.created_at),
        "audit": (AuditEntry.body, AuditEntry.sequence, AuditEntry.kind, AuditEntry.at),
    }
    mentions = {name: _naming(session, tenant_id, subject, columns) for name, columns in columns_by_table.items()}
    mentions["outbox"] += _sealed_tasks(session, tenant_id, subject)
    return mentions | {"model_versions": [dict(row) for row in session.execute(trained).mappings()]}


def _sealed_tasks(session: Session, tenant_id: str, subject: DataSubject) -> list[JsonMapping]:
    """Return the tasks that were sent from outside, have not ended, and name the person."""
    sealed = sealed_outbox.open_all(session, tenant_id)
    about = [outbox_id for outbox_id, kwargs in sealed if erasure_stores.names(kwargs, subject)]
    columns = (OutboxEntry.task, OutboxEntry.created_at)
    rows: list[JsonMapping] = []
    for batch in in_batches(about):
        query = select(*columns).where(OutboxEntry.tenant_id == tenant_id, OutboxEntry.outbox_id.in_(batch))
        rows += [dict(row) for row in session.execute(query).mappings()]
    return rows


def _naming(
    session: Session, tenant_id: str, subject: DataSubject, columns: tuple[InstrumentedAttribute[object], ...]
) -> list[JsonMapping]:
    """Return rows whose document (the first column) names the person, without the document: it may name others too."""
    document, *shown = columns
    query = select(*columns).where(document.class_.tenant_id == tenant_id, may_name(document, subject))
    rows = session.execute(query).mappings()
    return [{column.key: row[column.key] for column in shown} for row in rows if subject.in_document(row[document.key])]
