"""Many jobs share a commit: keys taken and ended together, with the same answers as one by one."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from db import session as sessions
from db.records import ClaimDraft
from db.repositories.jobs import idempotency_keys

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def draft(key, args_hash="h", task_id=None):
    return ClaimDraft(key=key, args_hash=args_hash, task_id=task_id or f"id-{key}")


@pytest.fixture
def batch(write):
    def call(*drafts, tenant_id="T1"):
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            claimed = idempotency_keys.claim_many(session, tenant_id, task="t", drafts=drafts, now=NOW)
            pairs = zip(drafts, claimed, strict=True)
            mine = {d.key: {"from": d.task_id} for d, c in pairs if c.record is None and not c.conflict}
            idempotency_keys.finish_many(session, tenant_id, task="t", results=mine, now=NOW)
            return claimed

    return call


def test_first_time_duplicate_and_conflict_are_told_apart(batch, write):
    assert batch() == []
    assert [(c.record, c.conflict) for c in batch(draft("b"), draft("a"))] == [(None, False)] * 2
    known, fresh, other = batch(draft("a", task_id="again"), draft("c"), draft("b", args_hash="other"))
    assert (known.record.task_id, known.record.result, known.record.done) == ("id-a", {"from": "id-a"}, True)
    assert (fresh.record, fresh.conflict) == (None, False)
    assert (other.record, other.conflict) == (None, True)
    assert [c.record for c in batch(draft("a"), tenant_id="T2")] == [None]
    stored = write(idempotency_keys.by_task_id, task_id="id-c")
    assert (stored.key, stored.result, stored.done) == ("c", {"from": "id-c"}, True)


def test_a_key_twice_in_a_batch_is_the_first_s(batch, write):
    first, second, third = batch(draft("a", task_id="1"), draft("a", task_id="2"), draft("a", args_hash="x"))
    assert (first.record, first.conflict) == (None, False)
    assert (second.record.task_id, second.record.done) == ("1", False)
    assert third.conflict
    assert write(idempotency_keys.by_task_id, task_id="1").result == {"from": "1"}
    assert write(idempotency_keys.by_task_id, task_id="2") is None


def test_a_large_batch_comes_in_order(batch):
    batch(*[draft(str(n)) for n in range(0, 3_000, 2)])
    found = batch(*[draft(str(n)) for n in range(3_000)])
    assert [c.record is not None for c in found] == [n % 2 == 0 for n in range(3_000)]


def test_batches_that_overlap_at_once_each_take_a_key_once(batch, at_once):
    keys = [str(n) for n in range(60)]
    orders = [keys, keys[::-1], keys[30:] + keys[:30]]
    found = at_once(*[lambda keys=keys: batch(*map(draft, keys)) for keys in orders])
    assert sum(c.record is None for claimed in found for c in claimed) == 60
    assert all(c.record.done for claimed in found for c in claimed if c.record)


def test_a_batch_waits_for_a_running_duplicate_and_gets_its_result(batch):
    entered, release = threading.Event(), threading.Event()

    def hold():
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            idempotency_keys.claim(session, "T1", task="t", key="a", args_hash="h", task_id="first", now=NOW)
            entered.set()
            assert release.wait(10)
            idempotency_keys.finish(session, "T1", task="t", key="a", result={"n": 1}, now=NOW)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(hold)
        assert entered.wait(10)
        waiting = pool.submit(batch, draft("a"), draft("b"))
        time.sleep(0.2)
        assert not waiting.done()
        release.set()
        first.result(timeout=30)
        known, fresh = waiting.result(timeout=30)
    assert (known.record.result, fresh.record) == ({"n": 1}, None)
