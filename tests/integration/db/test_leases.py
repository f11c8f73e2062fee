"""Leases and fences, slots of schedules, attempts: by the database's clock."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from db import session as sessions
from db.errors import FenceLost
from db.repositories.jobs import delivery_attempts, leases, schedule_locks
from db.session import database_time

DAY = 86_400


def test_the_clock_is_the_database_s_and_goes_on_inside_a_transaction(database):
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        first = database_time(session)
        time.sleep(0.01)
        later = database_time(session)
        assert database_time(session, ahead=60) - later >= timedelta(seconds=60)
    assert first.tzinfo is UTC
    assert first < later
    assert abs(datetime.now(UTC) - later) < timedelta(seconds=10)


class TestLeases:
    @pytest.fixture
    def acquire(self, write):
        def call(holder, seconds=60.0, tenant_id="T1"):
            return write(leases.acquire, tenant_id=tenant_id, name="l", holder=holder, seconds=seconds)

        return call

    def test_one_holds_and_others_wait_until_it_runs_out(self, acquire):
        first = acquire("a", seconds=-1)
        second = acquire("b")
        assert (first.fence, second.fence) == (1, 2)
        assert second.expires_at > first.expires_at
        assert acquire("c") is None
        assert acquire("a", tenant_id="T2").fence == 1

    def test_the_holder_s_own_second_run_fences_off_the_first(self, acquire, write):
        first, second = acquire("a"), acquire("a")
        assert second.fence == first.fence + 1
        assert not write(leases.renew, name="l", holder="a", fence=first.fence, seconds=60)

    def test_renewing_keeps_it_even_after_its_time_unless_it_was_taken(self, acquire, write):
        mine = acquire("a", seconds=-1)
        own = {"name": "l", "holder": "a", "fence": mine.fence}
        assert write(leases.renew, **own, seconds=60)
        assert acquire("b") is None
        assert write(leases.renew, **own, seconds=-1)
        assert acquire("b").fence == 2
        assert not write(leases.renew, **own, seconds=60)
        assert not write(leases.release, **own)

    def test_what_is_given_back_is_free_and_its_fence_never_returns(self, acquire, write):
        mine = acquire("a")
        assert write(leases.release, name="l", holder="a", fence=mine.fence)
        assert acquire("b").fence == 2

    def test_an_old_fence_takes_no_effect(self, acquire, write):
        write(leases.guard, name="l", fence=acquire("a", seconds=-1).fence)
        acquire("b")
        with pytest.raises(FenceLost):
            write(leases.guard, name="l", fence=1)
        with pytest.raises(FenceLost):
            write(leases.guard, name="unknown", fence=1)

    def test_nobody_takes_over_while_an_effect_is_being_committed(self, acquire):
        acquire("a", seconds=-1)
        entered, release = threading.Event(), threading.Event()

        def effect():
            with sessions.transaction(sessions.EVERY_TENANT) as session:
                leases.guard(session, "T1", name="l", fence=1)
                entered.set()
                assert release.wait(10)

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(effect)
            assert entered.wait(10)
            second = pool.submit(acquire, "b")
            time.sleep(0.2)
            assert not second.done()
            release.set()
            first.result(timeout=30)
            assert second.result(timeout=30).fence == 2

    def test_many_at_once_give_one_holder(self, acquire, at_once):
        found = at_once(*[lambda n=n: acquire(str(n)) for n in range(4)])
        assert [lease.fence for lease in found if lease] == [1]


class TestSlots:
    def test_a_slot_is_taken_once_whoever_comes(self, write_all, at_once):
        found = at_once(*[lambda: write_all(schedule_locks.claim, schedule="sweep", seconds=DAY)] * 4)
        taken = [slot for slot in found if slot]
        assert len(taken) in {1, 2}  # two when midnight fell between
        assert all(slot.timestamp() % DAY == 0 and slot.tzinfo is UTC for slot in taken)

    def test_schedules_tenants_and_slots_are_apart(self, write_all):
        assert write_all(schedule_locks.claim, schedule="a", seconds=DAY * 9000)
        assert write_all(schedule_locks.claim, schedule="b", seconds=DAY * 9000)
        assert write_all(schedule_locks.claim, schedule="a", seconds=DAY * 9000, tenant_id="T1")
        assert write_all(schedule_locks.claim, schedule="a", seconds=DAY * 9000) is None
        assert write_all(schedule_locks.claim, schedule="a", seconds=DAY * 8000)

    def test_a_slot_taken_back_is_free(self, write_all):
        def fail():
            with sessions.transaction(sessions.EVERY_TENANT) as session:
                schedule_locks.claim(session, schedule="a", seconds=DAY * 9000)
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        assert write_all(schedule_locks.claim, schedule="a", seconds=DAY * 9000)

    def test_old_slots_are_forgotten(self, write_all):
        write_all(schedule_locks.claim, schedule="a", seconds=1)
        assert write_all(schedule_locks.purge, before=datetime.now(UTC) - timedelta(days=1)) == 0
        assert write_all(schedule_locks.purge, before=datetime.now(UTC) + timedelta(days=1)) == 1


class TestAttempts:
    OWN = MappingProxyType({"task": "t", "task_id": "1"})

    def test_starts_are_counted_until_the_end(self, write, write_all):
        assert [write(delivery_attempts.begin, **self.OWN) for _ in range(3)] == [1, 2, 3]
        assert write(delivery_attempts.begin, task="t", task_id="2") == 1
        assert write(delivery_attempts.begin, tenant_id="T2", **self.OWN) == 1
        write(delivery_attempts.record_error, **self.OWN, error="WorkerLost")
        write(delivery_attempts.clear, **self.OWN)
        assert write(delivery_attempts.begin, **self.OWN) == 1
        assert write_all(delivery_attempts.purge, before=datetime.now(UTC) + timedelta(days=1)) == 3

    def test_starts_at_once_all_count(self, write, at_once):
        assert sorted(at_once(*[lambda: write(delivery_attempts.begin, **self.OWN)] * 4)) == [1, 2, 3, 4]
