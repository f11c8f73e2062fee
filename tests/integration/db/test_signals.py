"""Signals: labels of scored snapshots, once each, in the order of their commits, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete

from db import session as sessions
from db.data_subject import DataSubject
from db.errors import StatementRefused
from db.models import Snapshot
from db.records import SignalDraft, SnapshotDraft
from db.repositories.online import signals
from db.repositories.predictions import snapshots
from db.repositories.privacy import erasure
from tests.support.rows import NOW

DAY = timedelta(days=1)


@pytest.fixture
def taken(write):
    """Store the snapshot of a lead as of some days ago; returns its id."""

    def take(lead_id, days=1, tenant_id="T1", **features):
        as_of = NOW - days * DAY
        draft = SnapshotDraft(
            lead_id=lead_id,
            lead_version=1,
            as_of=as_of,
            bucket=as_of,
            feature_schema="1",
            features={"showings": 2.0, "stage": "new", "budget": None, **features},
        )
        return write(snapshots.save, drafts=[draft], tenant_id=tenant_id)[0]

    return take


@pytest.fixture
def draft(lead_ids, taken):
    """Make the label of a new snapshot."""

    def make(place=0, days=1, **given):
        values = {"target": "reply", "label": True, "origin": "outcome", "occurred_at": NOW, **given}
        return SignalDraft(
            lead_id=lead_ids[place],
            snapshot_id=taken(lead_ids[place], days),
            as_of=NOW - days * DAY,
            served_probability=0.25,
            served_version="scorecard-1",
            **values,
        )

    return make


@pytest.fixture
def add(write):
    def call(*drafts, now=NOW):
        return write(signals.add, drafts=drafts, now=now)

    return call


@pytest.fixture
def after(write):
    def call(target="reply", cursor=0, limit=100):
        return write(signals.after, target=target, cursor=cursor, limit=limit)

    return call


def test_signals_are_read_in_order_with_the_features_of_their_snapshot(draft, add, after):
    first, second, other = draft(0), draft(1, days=2), draft(2, target="won", label=False)
    assert add(first, other, second) == [("reply", 1), ("reply", 2), ("won", 1)]
    found = after()
    assert [(each.seq, each.snapshot_id, each.label) for each in found] == [
        (1, first.snapshot_id, True),
        (2, second.snapshot_id, True),
    ]
    assert found[0].features == {"showings": 2.0, "stage": "new", "budget": None}
    assert (found[1].as_of, found[1].occurred_at, found[1].recorded_at) == (NOW - 2 * DAY, NOW, NOW)
    assert (found[0].served_probability, found[0].served_version, found[0].revision) == (0.25, "scorecard-1", 0)
    assert [each.seq for each in after(cursor=1)] == [2]
    assert [each.seq for each in after(limit=1)] == [1]
    assert [each.label for each in after("won")] == [False]


def test_a_label_that_says_the_same_is_no_signal(draft, add, after, write):
    once = draft()
    assert add(once, once) == [("reply", 1)]
    assert add(replace(once, occurred_at=NOW + DAY)) == []
    assert write(signals.counts) == {"reply": 1}
    assert len(after()) == 1


def test_what_came_late_is_a_revision_and_a_horizon_never_overrules_what_happened(draft, add, after):
    quiet = draft(label=False, origin="matured")
    assert add(quiet) == [("reply", 1)]
    late = replace(quiet, label=True, origin="outcome")
    assert add(late) == [("reply", 2)]
    assert add(quiet) == [], "it only says that a horizon passed"
    assert add(late) == []
    assert [(each.label, each.revision, each.origin) for each in after()] == [
        (False, 0, "matured"),
        (True, 1, "outcome"),
    ]
    again = draft(1, target="churned", label=True, origin="matured")
    assert add(again, replace(again, label=False)) == [("churned", 1), ("churned", 2)]


def test_places_are_never_given_twice_and_go_with_the_lead(draft, add, after, write, lead_ids):
    add(draft(0), draft(1))
    with sessions.transaction("T1") as session:
        subject = erasure.for_leads(session, "T1", lead_ids=[lead_ids[1]])
        assert isinstance(subject, DataSubject)
        assert erasure.erase(session, "T1", subject=subject, now=NOW).stores["online_signals"] == 1
    assert add(draft(2)) == [("reply", 3)]
    assert [each.seq for each in after()] == [1, 3]
    assert write(signals.counts) == {"reply": 2}


def test_a_transaction_that_fails_leaves_no_hole(draft, add):
    lost = draft()

    def fail(session):
        assert signals.add(session, "T1", drafts=[lost], now=NOW) == [("reply", 1)]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), sessions.transaction("T1") as session:
        fail(session)
    assert add(draft(1)) == [("reply", 1)]


def test_many_at_once_get_places_without_holes_or_doubles(draft, add, after, at_once):
    drafts = [draft(number % 3, days=number + 1) for number in range(12)]
    given = at_once(*(lambda part=drafts[start::4]: add(*part) for start in range(4)))
    assert sorted(seq for places in given for _, seq in places) == list(range(1, 13))
    assert [each.seq for each in after()] == list(range(1, 13))


def test_the_newest_place_of_every_tenant_is_known_without_reading_signals(draft, add, write_all):
    assert write_all(signals.newest) == []
    add(draft(0), draft(1), draft(2, target="won"))
    assert write_all(signals.newest) == [("T1", "reply", 2), ("T1", "won", 1)]


def test_the_delay_of_labels_is_measured(draft, add, write):
    add(*(draft(0, days=days) for days in range(1, 11)))
    found = write(signals.delays, targets=("reply", "won"))
    assert set(found) == {"reply"}
    assert (found["reply"].signals, found["reply"].p50, found["reply"].p90) == (10, 5 * DAY, 9 * DAY)


def test_another_tenants_snapshot_has_no_signal(draft, add, write, after):
    stolen = draft()
    with pytest.raises(StatementRefused):
        write(signals.add, drafts=[stolen], now=NOW, tenant_id="T2")
    add(stolen)
    assert write(signals.after, target="reply", cursor=0, limit=9, tenant_id="T2") == []


def test_a_signal_goes_with_its_snapshot(draft, add, after, write_all):
    kept, gone = draft(0, days=1), draft(1, days=2)
    add(kept, gone)
    with sessions.transaction("T1") as session:
        session.execute(delete(Snapshot).where(Snapshot.tenant_id == "T1", Snapshot.snapshot_id == gone.snapshot_id))
    assert [each.snapshot_id for each in after()] == [kept.snapshot_id]
