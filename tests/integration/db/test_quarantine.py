"""Quarantine keeps messages sealed and bounded; each is replayed or dropped once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from db import session as sessions
from db.errors import SealBroken
from db.records import QuarantineCount, QuarantineDraft
from db.repositories.jobs import quarantine

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SECRET = "ann@example.com"
DRAFT = QuarantineDraft(
    task="t", queue="q", reason="unknown_task", headers={"id": "1", "who": SECRET}, body=SECRET.encode() + b"\xff\x00"
)


@pytest.fixture
def hold(write):
    def call(draft=DRAFT, **given):
        return write(quarantine.hold, draft=draft, **{"now": NOW, **given})

    return call


def test_what_is_held_comes_back_as_it_was_and_lies_sealed(hold, write, write_all):
    held = hold()
    record = write(quarantine.get, quarantine_id=held)
    assert (record.headers, record.body) == (DRAFT.headers, DRAFT.body)
    entry = record.entry
    assert (entry.tenant_id, entry.task, entry.queue, entry.reason, entry.state) == (
        "T1", "t", "q", "unknown_task", "held",
    )  # fmt: skip
    assert write_all(quarantine.entries) == [entry]
    with sessions.reading(sessions.EVERY_TENANT) as session:
        stored = session.execute(text("SELECT content FROM quarantine")).scalar_one()
    assert SECRET.encode() not in bytes(stored)
    assert write(quarantine.get, tenant_id="T2", quarantine_id=held) is None


def test_content_that_was_moved_does_not_open(hold, write):
    hold()
    other = hold(tenant_id="T2")
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        moved = "UPDATE quarantine SET content = (SELECT content FROM quarantine WHERE tenant_id = 'T1')"
        session.execute(text(moved))
    with pytest.raises(SealBroken, match=r"quarantine\.content"):
        write(quarantine.get, tenant_id="T2", quarantine_id=other)


@pytest.mark.parametrize(("settle", "state"), [(quarantine.replay, "replayed"), (quarantine.drop, "dropped")])
def test_each_is_settled_once(hold, write, write_all, at_once, settle, state):
    held = hold()
    found = at_once(*[lambda: write(settle, quarantine_id=held, now=NOW)] * 3)
    assert sorted(found) == [False, False, True]
    assert not write(settle, tenant_id="T2", quarantine_id=held, now=NOW)
    assert write_all(quarantine.entries) == []
    assert [entry.quarantine_id for entry in write_all(quarantine.entries, state=state)] == [held]
    assert write_all(quarantine.count) == [QuarantineCount(tenant_id="T1", held=0, overflowed=0)]
    assert write_all(quarantine.purge, before=NOW) == 0
    assert write_all(quarantine.purge, before=NOW + timedelta(days=1)) == 1


def test_it_is_bounded_for_each_tenant_and_counts_what_found_no_room(hold, write, write_all, at_once):
    found = at_once(*[lambda: hold(limit=2)] * 4)
    assert sum(held is None for held in found) == 2
    assert hold(tenant_id=quarantine.UNKNOWN_TENANT, limit=2)
    assert write_all(quarantine.count) == [
        QuarantineCount(tenant_id="*", held=1, overflowed=0),
        QuarantineCount(tenant_id="T1", held=2, overflowed=2),
    ]
    write(quarantine.drop, quarantine_id=next(filter(None, found)), now=NOW)
    assert hold(limit=2)
    assert len(write_all(quarantine.entries, tenant_id="T1")) == 2
    assert len(write_all(quarantine.entries, limit=1)) == 1


def test_the_same_message_is_held_once_for_each_reason(hold, write, write_all, at_once):
    message = replace(DRAFT, message_id="m1")
    (held,) = set(at_once(*[lambda: hold(message)] * 4))
    assert hold(replace(message, reason="poison")) != held
    assert hold(replace(message, body=b"other work under a used id")) != held
    assert hold(message, tenant_id="T2") != held
    assert hold() != hold()
    assert write_all(quarantine.count)[0] == QuarantineCount(tenant_id="T1", held=5, overflowed=0)
    assert hold(message, limit=1) == held


def test_a_message_that_was_replayed_and_failed_again_is_held_again(hold, write, write_all):
    held = hold(replace(DRAFT, message_id="m1"))
    assert write(quarantine.replay, quarantine_id=held, now=NOW)
    later = NOW + timedelta(hours=1)
    assert hold(replace(DRAFT, message_id="m1", attempts=3), now=later) == held
    (entry,) = write_all(quarantine.entries)
    assert (entry.attempts, entry.created_at) == (3, later)
    assert write_all(quarantine.count) == [QuarantineCount(tenant_id="T1", held=1, overflowed=0)]
    assert write(quarantine.drop, quarantine_id=held, now=later)
