"""Tasks that came from outside: written once each, sealed, opened for the relay, gone with the person or the task."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from db import session as sessions
from db.data_subject import DataSubject
from db.encryption import KeyRing
from db.errors import SealBroken
from db.models import OutboxEntry
from db.records import AcceptDraft, OutboxDraft
from db.repositories.jobs import idempotency_keys, outbox, sealed_outbox
from db.repositories.privacy import erasure_stores, key_marks, subject_access

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ADA, BEA = ({"external_id": f"contact-{name}-1", "email": f"{name}@example.com"} for name in ("ada", "bea"))
WHO = DataSubject(identities=frozenset({(None, "contact-ada-1")}), emails=frozenset({"ada@example.com"}))


def draft(number=1, tenant_id="T1", **given):
    kwargs = {"tenant_id": tenant_id, "leads": [ADA]}
    made = {"task": "t", "queue": "q", "kwargs": kwargs, "outbox_id": f"{number:032x}.{'a' * 16}", **given}
    return AcceptDraft(tenant_id=tenant_id, **made)


@pytest.fixture
def accept(write_all):
    def call(*drafts):
        return write_all(outbox.accept, drafts=drafts, now=NOW)

    return call


@pytest.fixture
def take(write_all):
    def call(**given):
        return write_all(outbox.claim, **{"limit": 100, "per_tenant": 100, "older_than": -1, "hold": -1, **given})

    return call


def stored():
    with sessions.reading(sessions.EVERY_TENANT) as session:
        query = select(OutboxEntry.outbox_id, OutboxEntry.kwargs, OutboxEntry.sealed_kwargs, OutboxEntry.last_error)
        return session.execute(query.order_by(OutboxEntry.outbox_id)).all()


def spoil(outbox_id):
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(
            update(OutboxEntry).where(OutboxEntry.outbox_id == outbox_id).values(sealed_kwargs=b"\x01spoilt")
        )


def test_several_tenants_are_written_at_once_and_opened_for_the_relay(accept, take):
    drafts = [draft(1), draft(2, "T2"), draft(3)]
    results = accept(*drafts)
    assert [result.record.outbox_id for result in results] == [each.outbox_id for each in drafts]
    assert [result.record.kwargs for result in results] == [each.kwargs for each in drafts]
    assert not any(b"ada" in row.sealed_kwargs or row.kwargs for row in stored())
    claimed = {record.outbox_id: record for record in take()}
    assert {each.outbox_id: each.kwargs for each in drafts} == {name: row.kwargs for name, row in claimed.items()}
    assert {row.sealed_kwargs for row in claimed.values()} == {None}


def test_what_stands_already_is_not_written_again(accept, write):
    [first] = accept(draft(key="k", args_hash="h"))
    again, twice, same_batch = accept(draft(key="k", args_hash="h"), draft(2), draft(2))
    assert (again.record, again.conflict) == (None, False)
    assert (twice.record is None, same_batch.record, same_batch.conflict) == (False, None, False)
    write(idempotency_keys.claim, task="t", key="k", args_hash="h", task_id="x", now=NOW)
    write(outbox.finish, outbox_id=first.record.outbox_id, now=NOW)
    [ended] = accept(draft(key="k", args_hash="h"))
    assert (ended.record, ended.conflict) == (None, False)


@pytest.mark.parametrize("given", [{"key": "k", "args_hash": "h"}, {}])
def test_what_failed_is_open_again_when_it_is_sent_again(accept, write, take, given):
    [first] = accept(draft(**given))
    write(outbox.finish, outbox_id=first.record.outbox_id, now=NOW)
    assert take() == []
    [again] = accept(draft(**given))
    assert (again.record.outbox_id, again.reopened, again.conflict) == (first.record.outbox_id, True, False)
    assert [record.kwargs for record in take()] == [draft().kwargs]


def test_a_key_with_other_arguments_is_a_conflict(accept):
    assert [result.conflict for result in accept(draft(key="k", args_hash="h"), draft(key="k", args_hash="g"))] == [
        False,
        True,
    ]
    [later] = accept(draft(key="k", args_hash="g"))
    assert (later.record, later.conflict) == (None, True)


def test_a_key_that_a_task_used_is_known_though_it_did_not_come_this_way(accept, write):
    write(idempotency_keys.claim, task="t", key="k", args_hash="h", task_id="x", now=NOW)
    results = accept(draft(1, key="k", args_hash="g"), draft(2, key="k", args_hash="h"), draft(3, "T2", key="k"))
    assert [result.conflict for result in results] == [True, False, False]
    assert [result.record is None for result in results] == [True, False, False]


def test_one_that_does_not_open_stops_no_other(accept, take):
    accept(draft(1), draft(2))
    spoil(draft(1).outbox_id)
    assert [record.outbox_id for record in take(limit=1)] == []
    assert [record.outbox_id for record in take()] == [draft(2).outbox_id]
    assert stored()[0].last_error == "not_opened"


def test_two_gateways_at_once_write_it_once(accept, at_once):
    drafts = [draft(number, tenant_id) for number in range(20) for tenant_id in ("T1", "T2")]
    found = at_once(*[lambda: accept(*drafts)] * 3)
    written = [result.record.outbox_id for results in found for result in results if result.record]
    assert len(written) == len(set(written)) == 20, "an id is one tenant's"


def test_the_arguments_go_when_the_task_has_ended(accept, write):
    accept(draft(1), draft(2))
    assert write(outbox.finish, outbox_id=draft(1).outbox_id, now=NOW)
    assert [row.sealed_kwargs is None for row in stored()] == [True, False]


def test_an_erasure_takes_the_person_out_of_what_is_sealed(accept, write, take):
    others = {"tenant_id": "T1", "leads": [ADA, BEA]}
    accept(draft(1), draft(2, kwargs=others), draft(3, kwargs={"leads": [BEA]}), draft(4, "T2"))
    gone = write(erasure_stores.outbox, subject=WHO)
    assert sorted(gone) == [draft(1).outbox_id, draft(2).outbox_id]
    left = {record.outbox_id: record.kwargs for record in take()}
    assert left == {
        draft(2).outbox_id: {"tenant_id": "T1", "leads": [BEA]},
        draft(3).outbox_id: {"leads": [BEA]},
        draft(4).outbox_id: draft(4, "T2").kwargs,
    }


def test_a_copy_for_the_person_tells_what_waits(accept, write):
    accept(draft(1), draft(2, kwargs={"leads": [BEA]}))
    assert write(subject_access.collect, subject=WHO)["outbox"] == [{"task": "t", "created_at": NOW}]


def test_a_damaged_row_is_no_erasure(accept, write):
    accept(draft(1))
    spoil(draft(1).outbox_id)
    with pytest.raises(SealBroken):
        write(erasure_stores.outbox, subject=WHO)


def test_another_key_ring_is_noticed_by_it(accept, write_all, database, test_keyring):
    accept(draft(1))
    assert write_all(key_marks.table_needing_ring) == "outbox"
    sealed = stored()[0].sealed_kwargs
    with pytest.raises(SealBroken):
        sealed_outbox.open_kwargs(KeyRing.generate(), "T1", draft(1).outbox_id, sealed)
    with pytest.raises(SealBroken):
        sealed_outbox.open_kwargs(test_keyring, "T2", draft(1).outbox_id, sealed)


def test_follow_ups_of_workers_are_as_they_were(write, take):
    write(outbox.add, drafts=[OutboxDraft(task="t", queue="q", kwargs={"n": 1})], now=NOW - timedelta(minutes=1))
    assert [(record.kwargs, record.sealed_kwargs) for record in take()] == [({"n": 1}, None)]
    assert json.loads(json.dumps(stored()[0].kwargs)) == {"n": 1}
