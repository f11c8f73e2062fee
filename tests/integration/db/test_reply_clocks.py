"""When a tenant's leads answer: one row a tenant, counted from talks, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from db import session as sessions
from db.records import LeadDraft, ReplyClockRecord
from db.repositories.personalization import reply_clocks
from db.repositories.privacy import restrictions
from db.repositories.sql import on_postgresql
from tests.support.rows import NOW

SINCE = NOW - timedelta(days=365)


def clock(at=NOW, replies=40):
    return ReplyClockRecord(
        slots=(0, 0, 0, 0, 0, 0, 0, 0, replies, 0, 0, 0),
        strength=49.0,
        channels={"sms": {"sent": 9, "replied": 3, "strength": 20.0}},
        leads=3,
        computed_at=at,
    )


def test_a_newer_clock_replaces_the_one_before(write, tenant):
    assert write(reply_clocks.get) is None
    write(reply_clocks.save, clock=clock(NOW - timedelta(days=1), 7))
    write(reply_clocks.save, clock=clock())
    assert write(reply_clocks.get) == clock()
    assert write(reply_clocks.get, tenant_id="T2") is None


def test_two_that_store_at_once_do_not_wait_for_each_other(write, tenant):
    with sessions.transaction(tenant) as first:
        if not on_postgresql(first):
            pytest.skip("SQLite has one writer anyway")
        assert reply_clocks.save(first, tenant, clock=clock(replies=50))
        with sessions.transaction(tenant) as second:
            assert not reply_clocks.save(second, tenant, clock=clock(replies=60))
    assert write(reply_clocks.get).replies == 50


def test_stale_is_what_was_never_counted_or_is_old_or_has_few_replies(write, write_all, tenant):
    asked = {"before": NOW - timedelta(days=1), "enough": 30, "limit": 10}
    assert write_all(reply_clocks.stale, **asked) == ["T1", "T2"]
    write(reply_clocks.save, clock=clock())
    write(reply_clocks.save, clock=clock(), tenant_id="T2")
    assert write_all(reply_clocks.stale, **asked) == []
    write(reply_clocks.save, clock=clock(replies=29))
    assert write_all(reply_clocks.stale, **asked) == ["T1"]
    write(reply_clocks.save, clock=clock(NOW - timedelta(hours=25)))
    assert write_all(reply_clocks.stale, **asked) == ["T1"]
    assert write_all(reply_clocks.stale, **asked | {"limit": 0}) == []


def test_talks_are_the_newest_ones_of_the_kinds_asked_for(write, upsert, event):
    told = [
        event("a", "SMS", 1, direction="inbound"),
        event("b", "listing_view", 2),
        event("c", "sms", 3, direction="outbound"),
        event("d", "sms", 24 * 400, direction="inbound"),
    ]
    lead = upsert(LeadDraft(external_id="x", events=tuple(told)))[0].lead_id
    other = upsert(LeadDraft(external_id="y", events=(event("e", "sms", 2, direction="inbound"),)))[0].lead_id

    def talks(limit):
        found = write(reply_clocks.talks, kinds={"sms"}, since=SINCE, limit=limit)
        return {lead_id: [row.occurred_at for row in rows] for lead_id, rows in found.items()}

    hours = [NOW - timedelta(hours=count) for count in range(4)]
    assert talks(9) == {lead: [hours[1], hours[3]], other: [hours[2]]}
    assert talks(2) == {lead: [hours[1]], other: [hours[2]]}


@pytest.mark.parametrize("kind", ["restricted", "objected"])
def test_leads_of_whom_nothing_may_be_computed_have_no_place(write, upsert, kind):
    there, blocked = (
        upsert(LeadDraft(external_id=name, fields={"state": "TX", "timezone": "America/Chicago"}))[0].lead_id
        for name in ("x", "y")
    )
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        restrictions.change(session, "T1", lead_id=blocked, **{kind: True}, now=datetime.now(UTC))
    found = write(reply_clocks.places, lead_ids=[there, blocked, "nobody"])
    assert {lead_id: (place.timezone, place.state) for lead_id, place in found.items()} == {
        there: ("America/Chicago", "TX")
    }
