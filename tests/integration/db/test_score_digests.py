"""Scores that are told as one: counted by whoever stores them, and taken once."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from db import session as sessions
from db.models import ScoreDigest
from db.records import ScoreTally
from db.repositories.predictions import score_digests

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WAIT = {"quiet": MINUTE, "longest": 15 * MINUTE}


def tally(leads=1, band="hot", **given):
    return ScoreTally(
        **{
            "cause": "loaded",
            "kind": "lead_score",
            "band": band,
            "leads": leads,
            "up": 0,
            "down": 0,
            "as_of": NOW,
            **given,
        }
    )


def let_pass(time):
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        for row in session.query(ScoreDigest):
            session.execute(
                update(ScoreDigest)
                .where(ScoreDigest.tenant_id == row.tenant_id, ScoreDigest.digest_id == row.digest_id)
                .values(added_at=row.added_at - time)
            )


def test_counts_wait_until_nothing_is_added_for_a_while(write, write_all, tenant):
    write(score_digests.add, tallies=[tally(2)])
    assert write(score_digests.take, **WAIT) == []
    let_pass(MINUTE)
    assert write_all(score_digests.ripe, **WAIT) == [tenant]
    write(score_digests.add, tallies=[tally(1)])
    assert write_all(score_digests.ripe, **WAIT) == [], "one more has come"
    let_pass(MINUTE)
    [taken] = write(score_digests.take, **WAIT)
    assert (taken.leads, taken.band, taken.as_of) == (3, "hot", NOW)
    assert write(score_digests.take, **WAIT) == []


def test_what_never_stops_is_taken_after_a_quarter_of_an_hour(write, write_all, tenant):
    write(score_digests.add, tallies=[tally(2)])
    let_pass(15 * MINUTE)
    write(score_digests.add, tallies=[tally(3)])
    assert write_all(score_digests.ripe, **WAIT) == [tenant]
    assert [taken.leads for taken in write(score_digests.take, **WAIT)] == [5]


def test_sums_are_by_cause_kind_and_band_and_tenants_are_apart(write):
    later = NOW + MINUTE
    write(score_digests.add, tallies=[tally(2, up=1), tally(3, "cold", down=2), tally(4, cause="new_model")])
    write(score_digests.add, tallies=[tally(1, as_of=later), tally(5, "low", kind="churn")])
    write(score_digests.add, tenant_id="T2", tallies=[tally(9)])
    let_pass(MINUTE)
    taken = write(score_digests.take, **WAIT)
    assert [(t.cause, t.kind, t.band, t.leads, t.up, t.down) for t in taken] == [
        ("loaded", "churn", "low", 5, 0, 0),
        ("loaded", "lead_score", "cold", 3, 0, 2),
        ("loaded", "lead_score", "hot", 3, 1, 0),
        ("new_model", "lead_score", "hot", 4, 0, 0),
    ]
    assert taken[2].as_of == later
    assert all(t.since is not None and t.since.tzinfo is not None for t in taken)
    assert [t.leads for t in write(score_digests.take, tenant_id="T2", **WAIT)] == [9]


def test_two_that_take_at_once_take_each_count_once(write, at_once):
    write(score_digests.add, tallies=[tally(2), tally(3, "cold")])
    let_pass(MINUTE)
    taken = at_once(*([lambda: write(score_digests.take, **WAIT)] * 2))
    assert sorted(sum(t.leads for t in tallies) for tallies in taken) == [0, 5]


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_is_added_for_nothing(write, write_all, count):
    write(score_digests.add, tallies=[tally()] * count)
    let_pass(MINUTE)
    assert len(write_all(score_digests.ripe, **WAIT)) == count
