"""What a relay takes: fairly, once, again when it was lost, and never what is done."""

from datetime import UTC, datetime, timedelta

import pytest

from db import session as sessions
from db.records import OutboxDraft
from db.repositories.jobs import outbox

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def add(write):
    def call(number=1, tenant_id="T1", queue="q", now=NOW):
        drafts = [OutboxDraft(task="t", queue=queue, kwargs={"n": n}) for n in range(number)]
        return write(outbox.add, tenant_id=tenant_id, drafts=drafts, now=now)

    return call


@pytest.fixture
def take(write_all):
    def call(**given):
        return write_all(outbox.claim, **{"limit": 100, "per_tenant": 100, "older_than": 1, **given})

    return call


def tenants_of(records):
    return [record.tenant_id for record in records]


def test_what_one_relay_took_no_other_takes_until_its_time_is_over(add, take):
    added = add(2)
    taken = take(hold=-1)
    assert [record.outbox_id for record in taken] == [record.outbox_id for record in added]
    assert [(record.attempts, record.kwargs) for record in taken] == [(1, {"n": 0}), (1, {"n": 1})]
    assert [record.attempts for record in take()] == [2, 2]
    assert take() == []


def test_what_was_just_written_is_left_to_the_fast_way(add, take):
    add(now=datetime.now(UTC))
    assert take(older_than=60) == []
    assert len(take(older_than=-1)) == 1


def test_a_worker_whose_clock_is_ahead_is_no_reason_to_wait(add, take):
    add(now=datetime.now(UTC) + timedelta(hours=1))
    assert len(take(older_than=60)) == 1


def test_tenants_take_turns_and_what_is_left_goes_to_those_who_have_more(add, take):
    add(20, "big")
    add(2, "small")
    add(1, "tiny")
    taken = take(limit=9)
    assert tenants_of(taken) == ["big", "small", "tiny", "big", "small", "big", "big", "big", "big"]
    assert tenants_of(take(limit=100, per_tenant=3)) == ["big"] * 3


def test_more_tenants_than_the_limit_are_served_in_turn(add, take):
    for tenant_id in "abcd":
        add(3, tenant_id)
    assert tenants_of(take(limit=2)) == ["a", "b"]
    assert tenants_of(take(limit=3, after="b")) == ["c", "d", "a"]


def test_tenants_that_only_wait_for_a_full_queue_take_nobody_s_turn(add, take):
    for tenant_id in "abc":
        add(2, tenant_id, queue="full")
    for tenant_id in "de":
        add(2, tenant_id)
    assert tenants_of(take(limit=3, exclude_queues=["full"])) == ["d", "e", "d"]


def test_a_full_queue_is_left_out(add, take):
    add(2, queue="full")
    add(1, queue="free")
    assert [record.queue for record in take(exclude_queues={"full"})] == ["free"]


def test_two_relays_share_the_work(add, take, at_once):
    add(40)
    found = at_once(*[lambda: take(limit=20)] * 3)
    ids = [record.outbox_id for records in found for record in records]
    assert len(ids) == len(set(ids)) <= 40
    assert len(ids) + len(take()) == 40


def test_what_is_confirmed_comes_no_more_and_what_failed_comes_later(add, take, write_all):
    add(2, "T1")
    add(1, "T2")
    first, other, second = take()
    write_all(outbox.confirm_all, records=[first, other])
    write_all(outbox.fail, records=[second], error="broker.gone", seconds=60)
    assert take() == []
    write_all(outbox.fail, records=[second], error="broker.gone", seconds=-1)
    assert [record.outbox_id for record in take()] == [second.outbox_id]
    assert write_all(outbox.lag).waiting == 1


def test_what_a_wiped_broker_lost_is_published_again_until_it_is_done(add, take, write_all, write):
    add(3)
    write_all(outbox.confirm_all, records=take())
    assert take(redo_after=60) == []
    lost = take(redo_after=-1)
    assert len(lost) == 3
    write_all(outbox.confirm_all, records=lost)
    assert write(outbox.finish, outbox_id=lost[0].outbox_id, now=NOW)
    assert write(outbox.finish_many, outbox_ids=[lost[1].outbox_id, "unknown"], now=NOW) == 1
    assert [record.outbox_id for record in take(redo_after=-1)] == [lost[2].outbox_id]


def test_a_task_that_ran_before_it_was_confirmed_needs_no_relay(add, take, write):
    (record,) = add()
    assert write(outbox.finish, outbox_id=record.outbox_id, now=NOW)
    assert not write(outbox.finish, tenant_id="T2", outbox_id=record.outbox_id, now=NOW)
    assert not write(outbox.finish, outbox_id="unknown", now=NOW)
    assert take(redo_after=-1) == []


def test_a_task_that_is_just_ending_holds_up_no_relay(add, take, write_all, database):
    if database.startswith("sqlite"):
        pytest.skip("SQLite has one writer")
    ending, other = add(2)
    taken = take()
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        outbox.finish(session, "T1", outbox_id=ending.outbox_id, now=NOW)
        write_all(outbox.confirm_all, records=taken)
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert outbox.pending(session, limit=9, before=NOW + timedelta(hours=1)) == []
    assert [record.outbox_id for record in take(redo_after=-1)] == [other.outbox_id]


def test_new_tasks_come_before_those_done_again(add, take, write_all):
    add(1)
    write_all(outbox.confirm_all, records=take())
    add(1, queue="new")
    assert [record.queue for record in take(redo_after=-1, hold=-1)] == ["new", "q"]
    assert [record.queue for record in take(redo_after=-1, limit=1)] == ["new"]


def test_the_lag_is_told(add, write_all):
    assert write_all(outbox.lag).waiting == 0
    add(2, now=datetime.now(UTC) - timedelta(seconds=90))
    lag = write_all(outbox.lag)
    assert lag.waiting == 2
    assert 85 < lag.age < 120


def test_only_what_is_done_is_purged(add, take, write_all, write):
    done, published, _ = add(3)
    write(outbox.finish, outbox_id=done.outbox_id, now=NOW)
    write(outbox.confirm, outbox_ids=[published.outbox_id])
    assert write_all(outbox.purge, before=NOW) == 0
    assert write_all(outbox.purge, before=NOW + timedelta(hours=1)) == 1
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert len(outbox.pending(session, limit=9, before=NOW + timedelta(hours=1))) == 1
