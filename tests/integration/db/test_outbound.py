"""The outbound stream: no gaps, in order for each lead, one deliverer at a time; breakers and dead letters."""

from datetime import UTC, datetime, timedelta

import pytest

from db import session as sessions
from db.records import OutboundDraft
from db.repositories.outbound import circuit_breakers, outbound

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def emit(write):
    def call(*lead_ids, tenant_id="T1", **given):
        events = [OutboundDraft(type="band.changed", lead_id=lead_id, body={"n": 1.5}) for lead_id in lead_ids]
        return write(outbound.emit, tenant_id=tenant_id, events=events, now=NOW, **given)

    return call


@pytest.fixture
def due(write_all):
    def call(**given):
        found = write_all(outbound.due, **{"now": NOW, "limit": 100, "per_tenant": 100, **given})
        return [(event.tenant_id, event.sequence, attempt) for event, attempt in found]

    return call


@pytest.fixture
def pull(write):
    def call(cursor=0, limit=100, tenant_id="T1"):
        return write(outbound.pull, tenant_id=tenant_id, cursor=cursor, limit=limit)

    return call


class TestStream:
    def test_events_are_pulled_in_order_with_a_cursor(self, emit, pull):
        assert emit() == []
        told = emit("a", None, "b", deliver=False)
        assert [event.sequence for event in told] == [1, 2, 3]
        assert emit("a", tenant_id="T2")[0].sequence == 1
        assert pull() == told
        assert pull(cursor=1, limit=1) == told[1:2]
        assert pull(cursor=3) == []

    def test_an_effect_taken_back_leaves_no_event_and_no_gap(self, emit, pull):
        def fail():
            with sessions.transaction(sessions.EVERY_TENANT) as session:
                draft = OutboundDraft(type="t", lead_id=None, body={})
                outbound.emit(session, "T1", events=[draft], now=NOW)
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        emit("a")
        assert [event.sequence for event in pull()] == [1]

    def test_events_told_at_once_have_no_gaps_or_twins(self, emit, pull, at_once):
        at_once(*[lambda: emit("a", "b")] * 4)
        assert [event.sequence for event in pull()] == [1, 2, 3, 4, 5, 6, 7, 8]


class TestDelivery:
    def test_events_of_a_lead_go_one_after_the_other(self, emit, due, write):
        first, _, _, fourth = emit("a", "b", "a", None)
        assert due() == [("T1", 1, 1), ("T1", 2, 1), ("T1", 4, 1)]
        assert due() == []
        write(outbound.mark_delivered, event_ids=[first.event_id, fourth.event_id], now=NOW)
        assert due() == [("T1", 3, 1)]

    def test_a_deliverer_that_died_is_followed_by_another(self, emit, due):
        emit("a")
        assert due(hold=60) == [("T1", 1, 1)]
        assert due(now=NOW + timedelta(seconds=59)) == []
        assert due(now=NOW + timedelta(seconds=61)) == [("T1", 1, 2)]

    def test_a_failure_waits_and_holds_its_lead_back(self, emit, due, write):
        first, *_ = emit("a", "a")
        due()
        write(outbound.mark_failed, event_id=first.event_id, next_at=LATER, error="http.500")
        assert due() == []
        assert due(now=LATER) == [("T1", 1, 2)]

    def test_news_of_what_arrived_meanwhile_changes_nothing(self, emit, due, write):
        (first,) = emit("a")
        due()
        write(outbound.mark_delivered, event_ids=[first.event_id], now=NOW)
        write(outbound.mark_failed, event_id=first.event_id, next_at=NOW, error="timeout")
        write(outbound.mark_dead, event_id=first.event_id, error="timeout")
        write(outbound.mark_delivered, tenant_id="T2", event_ids=[first.event_id], now=NOW)
        assert due() == []
        assert write(outbound.dead_letters, limit=9) == []

    def test_dead_letters_let_others_pass_and_can_be_replayed(self, emit, due, write):
        first, second, third = emit("a", "a", "b")
        due()
        write(outbound.mark_dead, event_id=first.event_id, error="http.410")
        write(outbound.mark_dead, event_id=third.event_id, error="http.410")
        (letter, _) = write(outbound.dead_letters, limit=9)
        assert (letter.event, letter.attempts, letter.error) == (first, 1, "http.410")
        assert write(outbound.replay, event_ids=[third.event_id, second.event_id], now=NOW) == 1
        assert due() == [("T1", 2, 1), ("T1", 3, 1)]
        assert write(outbound.replay, tenant_id="T2", event_ids=None, now=NOW) == 0
        assert write(outbound.replay, event_ids=None, now=NOW) == 1
        assert due() == [("T1", 1, 1)]

    def test_tenants_share_and_can_be_left_out(self, emit, due):
        emit(*"abcdef", tenant_id="T1")
        emit(*"ab", tenant_id="T2")
        emit("a", tenant_id="T3")
        assert [tenant for tenant, _, _ in due(limit=6, exclude={"T3"}, hold=0)] == ["T1"] * 3 + ["T2"] * 2
        assert [tenant for tenant, _, _ in due(per_tenant=1)] == ["T1", "T2", "T3"]

    def test_two_deliverers_never_have_the_same_event(self, emit, due, at_once):
        emit(*[str(n) for n in range(30)])
        found = [sequence for batch in at_once(*[lambda: due(limit=20)] * 3) for _, sequence, _ in batch]
        assert len(found) == len(set(found))
        assert len(found) + len(due()) == 30

    def test_a_worker_whose_clock_is_ahead_delays_nothing(self, due, write):
        draft = OutboundDraft(type="t", lead_id="a", body={})
        write(outbound.emit, events=[draft], now=NOW + timedelta(hours=1))
        assert due() == [("T1", 1, 1)]

    def test_without_delivery_nothing_is_due(self, emit, due):
        emit("a", deliver=False)
        assert due() == []


class TestTargets:
    def test_failures_count_until_a_success_and_a_tripped_breaker_is_told(self, write, write_all, at_once):
        assert write(circuit_breakers.get).failures == 0
        write(circuit_breakers.record_success)
        assert sorted(at_once(*[lambda: write(circuit_breakers.record_failure)] * 3)) == [1, 2, 3]
        write(circuit_breakers.trip, until=LATER)
        write(circuit_breakers.trip, until=NOW)
        assert (write(circuit_breakers.get).failures, write(circuit_breakers.get).open_until) == (3, LATER)
        assert write_all(circuit_breakers.tripped_tenants, now=NOW) == ["T1"]
        assert write_all(circuit_breakers.tripped_tenants, now=LATER) == []
        write(circuit_breakers.record_success)
        assert write(circuit_breakers.get).failures == 0
        assert write_all(circuit_breakers.tripped_tenants, now=NOW) == []
