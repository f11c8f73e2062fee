"""What is personal is on no page of the file, and changed bytes do not open."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from db import session as sessions
from db.encryption import KeyRing
from db.errors import SealBroken
from db.models import Event, Lead, ModelVersion, RejectedEntry, Snapshot
from db.records import BackfillDraft, ChunkDraft, LeadDraft, ModelDraft, RejectedRow, SnapshotDraft
from db.repositories.backfills import backfills
from db.repositories.events import events
from db.repositories.leads import leads
from db.repositories.models import models
from db.repositories.predictions import snapshots

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
PLANTED = {
    "first_name": "Zebulonia",
    "last_name": "Quartermaine",
    "full_name": "Zebulonia Quartermaine",
    "email": "zebulonia.q@example.com",
    "phone": "+13055550177",
}
MESSAGE = "please call my cousin Wilhelmina"
CELL = "Wilhelmina Thistlewood"
SECRETS = [*PLANTED.values(), "3055550177", MESSAGE, "Wilhelmina", CELL, "grandmother"]


@pytest.fixture
def planted(upsert, tenant, event):
    draft = LeadDraft(
        external_id="x1",
        contact=PLANTED,
        custom={"notes": "for her grandmother"},
        events=(event("m1", text=MESSAGE),),
    )
    (result,) = upsert(draft)
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        features = {"custom:notes": "for her grandmother", "silence": 3.0}
        snapshots.save(
            session,
            tenant,
            drafts=[
                SnapshotDraft(
                    lead_id=result.lead_id,
                    lead_version=1,
                    as_of=NOW,
                    bucket=NOW,
                    feature_schema="1",
                    features=features,
                    profile={"custom": {"notes": "for her grandmother"}},
                )
            ],
        )
        backfill, _ = backfills.create(
            session,
            tenant,
            draft=BackfillDraft(
                key="k",
                sha256="0",
                file_name="f.csv",
                spool="s",
                mode="commit",
                policy="fill_blanks",
                profile="generic",
                source={},
            ),
            chunks=[ChunkDraft(number=0, offset=0, first_record=1, first_line=2, records=1)],
            now=NOW,
        )
        row = RejectedRow(
            line=2, record=1, severity="error", code="value.email", column="a", message="no address", cells=(CELL,)
        )
        backfills.finish_chunk(
            session, tenant, backfill_id=backfill.backfill_id, number=0, counts={}, rejected=[row], now=NOW
        )
        models.add(session, tenant, draft=model_draft())
    return result.lead_id, backfill.backfill_id


def model_draft():
    return ModelDraft(
        kind="lead_score",
        scope="tenant",
        artifact=b"levels: grandmother",
        feature_schema="1",
        metrics={},
        report={},
        rows=1,
        fingerprint="f",
        trained_at=NOW,
    )


def stored_bytes(database, tmp_path):
    if database.startswith("sqlite"):
        return b"".join(path.read_bytes() for path in tmp_path.glob("hearth.db*"))
    with sessions.reading(sessions.EVERY_TENANT) as session:
        tables = Lead.metadata.sorted_tables
        rows = [repr(tuple(row)).encode() for table in tables for row in session.execute(select(table))]
    return b"".join(rows)


def test_nothing_personal_is_readable_in_the_store(planted, database, tmp_path):
    raw = stored_bytes(database, tmp_path)
    assert b"x1" in raw
    for secret in SECRETS:
        for spelling in (secret, secret.lower(), json.dumps(secret)[1:-1]):
            assert spelling.encode() not in raw
            assert spelling.encode("utf-16-le") not in raw


def test_everything_sealed_comes_back(planted, tenant):
    lead_id, backfill_id = planted
    with sessions.reading(sessions.EVERY_TENANT) as session:
        (lead,) = leads.get(session, tenant, lead_ids=[lead_id])
        assert dict(lead.contact) == PLANTED
        assert list(events.texts(session, tenant, lead_id=lead_id).values()) == [MESSAGE]
        assert next(backfills.rejected(session, tenant, backfill_id=backfill_id)).cells == (CELL,)
        assert models.get(session, tenant, version="lead_score-0001").artifact == b"levels: grandmother"


READERS = {
    "data_key": (Lead, Lead.data_key, lambda s, t, ids: leads.get(s, t, lead_ids=[ids[0]])),
    "contact": (Lead, Lead.contact, lambda s, t, ids: leads.get(s, t, lead_ids=[ids[0]])),
    "custom": (Lead, Lead.custom, lambda s, t, ids: leads.get(s, t, lead_ids=[ids[0]])),
    "text": (Event, Event.text, lambda s, t, ids: events.texts(s, t, lead_id=ids[0])),
    "features": (
        Snapshot,
        Snapshot.features,
        lambda s, t, _: snapshots.get(s, t, snapshot_ids=list(s.scalars(select(Snapshot.snapshot_id)))),
    ),
    "profile": (
        Snapshot,
        Snapshot.profile,
        lambda s, t, _: snapshots.get(
            s, t, snapshot_ids=list(s.scalars(select(Snapshot.snapshot_id))), with_profiles=True
        ),
    ),
    "cells": (RejectedEntry, RejectedEntry.cells, lambda s, t, ids: list(backfills.rejected(s, t, backfill_id=ids[1]))),
    "artifact": (ModelVersion, ModelVersion.artifact, lambda s, t, _: models.versions(s, t)),
}


@pytest.mark.parametrize("name", READERS)
def test_a_flipped_bit_is_refused(planted, tenant, name):
    table, column, read = READERS[name]
    with sessions.reading(sessions.EVERY_TENANT) as session:
        read(session, tenant, planted)
        value = bytearray(session.scalar(select(column)))
    value[-1] ^= 1
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(update(table).values({column: bytes(value)}))
    with pytest.raises(SealBroken) as refusal, sessions.reading(sessions.EVERY_TENANT) as session:
        read(session, tenant, planted)
    assert not any(secret in str(refusal.value) for secret in SECRETS)


def test_bytes_of_another_lead_or_column_are_refused(planted, upsert, tenant):
    (other,) = upsert(LeadDraft(external_id="x2"))
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        own = update(Lead).where(Lead.lead_id == other.lead_id)
        session.execute(own.values(contact=select(Lead.contact).where(Lead.lead_id == planted[0]).scalar_subquery()))
    with pytest.raises(SealBroken), sessions.reading(sessions.EVERY_TENANT) as session:
        leads.get(session, tenant, lead_ids=[other.lead_id])
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(update(Lead).where(Lead.lead_id == planted[0]).values(custom=Lead.contact))
    with pytest.raises(SealBroken), sessions.reading(sessions.EVERY_TENANT) as session:
        leads.get(session, tenant, lead_ids=[planted[0]])


def test_a_row_under_another_tenant_is_refused(planted, upsert):
    (theirs,) = upsert(LeadDraft(external_id="x2"), tenant_id="T2")
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        mine = session.execute(select(Lead.data_key, Lead.contact, Lead.custom).where(Lead.lead_id == planted[0])).one()
        session.execute(update(Lead).where(Lead.lead_id == theirs.lead_id).values(mine._asdict()))
    with pytest.raises(SealBroken), sessions.reading(sessions.EVERY_TENANT) as session:
        leads.get(session, "T2", lead_ids=[theirs.lead_id])


def test_a_rotated_ring_opens_old_rows_and_finds_them_again(planted, upsert, tenant, database, test_keyring):
    sessions.configure(database, test_keyring.rotated())
    (again,) = upsert(LeadDraft(contact={"email": PLANTED["email"]}))
    assert (again.outcome, again.lead_id) == ("unchanged", planted[0])
    sessions.configure(database, KeyRing.generate())
    with pytest.raises(SealBroken, match="key ring"), sessions.reading(sessions.EVERY_TENANT) as session:
        leads.get(session, tenant, lead_ids=[planted[0]])
