"""What events say of the targets, and which of a lead's snapshots is looked at when a horizon has passed."""

import doctest
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from db.records import DueSnapshot, EventDraft, LeadDraft, MaturityCursor, UpsertResult
from domain.targets import MEANINGS, TARGETS
from tasks.intake.consent import REFUSES
from tasks.services.online import meanings
from tasks.services.online.maturing import is_last_of_its_time

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


def event(kind, direction=None, **facts):
    return EventDraft(
        kind=kind, direction=direction, facts=facts, occurred_at=NOON, recorded_at=NOON, source_id=f"{kind}:1"
    )


def test_the_examples_of_the_module_hold():
    assert doctest.testmod(meanings) == (0, 4)


@pytest.mark.parametrize(
    ("told", "decided"),
    [
        (event("Email", "inbound"), {"reply": True}),
        (event("sms_reply"), {"reply": True}),
        (event("message", "inbound"), {"reply": True}),
        (event("outcome.replied", "inbound"), {"reply": True}),
        (event("call", "inbound"), {"reply": True}),
        (event("call", "outbound", duration=90), {"reply": True}),
        (event("call", "outbound"), {}),
        (event("email_opened", "inbound"), {}),
        (event("sms", "inbound", **{REFUSES: 1}), {}),
        (event("unsubscribed", "inbound"), {}),
        (event("showing", "inbound"), {"booking": True}),
        (event("outcome.appointment_set"), {"booking": True}),
        (event("outcome.appointment_kept", "inbound"), {"booking": True}),
        (event("appointment_cancelled"), {}),
        (event("no_show"), {}),
        (event("outcome.won"), {"won": True}),
        (event("deal_won"), {"won": True}),
        (event("outcome.abandoned"), {"won": False}),
        (event("listing_view"), {}),
    ],
    ids=lambda value: value.kind if isinstance(value, EventDraft) else None,
)
def test_an_event_decides_the_targets_that_it_means(told, decided):
    assert meanings.answers(told) == decided


def test_who_was_deleted_or_merged_is_gone():
    assert [meanings.is_gone(event(kind)) for kind in ("lead_deleted", "lead_merged", "outcome.lost")] == [
        True,
        True,
        False,
    ]


def test_news_are_of_leads_that_were_known_and_only_what_is_new():
    reply = event("sms", "inbound")
    draft = LeadDraft(events=(reply,), label=True, label_at=NOON - WEEK)

    def news(outcome, *columns, lead_id="x"):
        result = UpsertResult(outcome=outcome, lead_id=lead_id, columns=columns)
        return [(lead, told.kind, told.occurred_at) for lead, told in meanings.news_of([draft], [result], NOON)]

    assert news("created") == news("unchanged") == news("updated", "city") == news("rejected", lead_id=None) == []
    assert news("updated", "events") == [("x", "sms", NOON)]
    assert news("updated", "label", "label_at") == [("x", "outcome.won", NOON - WEEK)]


def test_every_target_has_a_meaning():
    assert tuple(MEANINGS) == TARGETS
    assert all(meaning.horizon > timedelta(0) and meaning.question for meaning in MEANINGS.values())


@pytest.mark.parametrize("lead_id", ["a", "b", "01a22fa8-b319-7192-99e7-7babb927ae20"])
def test_one_snapshot_a_horizon_is_looked_at_however_often_a_lead_is_scored(lead_id):
    moments = [NOON + hour * timedelta(hours=5) for hour in range(24 * 14)]
    chosen = [
        at
        for at, later in pairwise(moments)
        if is_last_of_its_time(
            DueSnapshot(lead_id=lead_id, place=MaturityCursor(as_of=at, snapshot_id="s"), scored=None, next_at=later),
            WEEK,
        )
    ]
    assert len(chosen) == 10
    assert {round((after - before) / WEEK, 1) for before, after in pairwise(chosen)} == {1.0}


def test_the_times_of_leads_are_not_the_same():
    def place(lead_id):
        at = NOON + timedelta(days=3)
        due = DueSnapshot(lead_id=lead_id, place=MaturityCursor(as_of=NOON, snapshot_id="s"), scored=None, next_at=at)
        return is_last_of_its_time(due, WEEK)

    share = sum(place(f"lead-{number}") for number in range(2_000)) / 2_000
    assert abs(share - 3 / 7) < 0.04
