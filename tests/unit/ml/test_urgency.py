from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ml.profiles import Interaction, LeadProfile
from ml.urgency import FRESH, THRESHOLDS, assess, next_look
from tests.support.leads import NOW

LEAD = LeadProfile(lead_id="1", as_of=NOW, created_at=NOW - timedelta(days=1000))


def silent(days: float, **changes: object) -> LeadProfile:
    return replace(LEAD, times={"last_activity_at": NOW - timedelta(days=days)}, **changes)


def happened(kind: str, ago: timedelta, direction: str | None = None, known: timedelta | None = None) -> Interaction:
    return Interaction(
        kind=kind, occurred_at=NOW - ago, recorded_at=NOW - (ago if known is None else known), direction=direction
    )


@pytest.mark.parametrize("stage", [stage for stage in THRESHOLDS if ":" not in stage])
def test_each_stage_has_its_own_patience(stage: str) -> None:
    limit = THRESHOLDS[stage]
    before, at = assess([silent(limit - 0.1, stage=stage), silent(limit, stage=stage)])
    assert (before.overdue, at.overdue) == (False, True)
    assert at.due_by == NOW
    assert at.action is not None


@pytest.mark.parametrize(
    "timeline, limit", [("0-3", 10), ("3-6", 14), ("6-12", 30), ("12+", 60), (None, 30), ("0 - 3 months", 10)]
)
def test_nurture_waits_by_timeline(timeline: str | None, limit: int) -> None:
    before, at = assess([silent(d, stage="nurture", timeline=timeline) for d in (limit - 1, limit)])
    assert (before.overdue, at.overdue) == (False, True)


def test_a_tenants_threshold_wins_and_the_others_stay() -> None:
    found = assess([silent(3, stage="offer"), silent(3, stage="new")], {"offer": 2})
    assert [urgency.overdue for urgency in found] == [True, False]


def test_a_fresh_inquiry_is_due_within_five_minutes() -> None:
    asked = replace(LEAD, interactions=(happened("inquiry", timedelta(minutes=4)),))
    found = assess([asked, replace(asked, interactions=(happened("form", timedelta(minutes=6)),))])
    assert [urgency.overdue for urgency in found] == [False, True]
    assert found[0].due_by == NOW + timedelta(minutes=1)
    assert {urgency.action for urgency in found} == {"call_task"}
    assert found[1].inquiry_at == NOW - timedelta(minutes=6)
    assert found[1].why_now == "new inquiry, not contacted for 6 minutes"


def test_an_answered_old_or_future_inquiry_is_none() -> None:
    asked = happened("inquiry", timedelta(hours=2))
    answered = replace(LEAD, interactions=(asked, happened("sms", timedelta(hours=1), "outbound")))
    told = replace(LEAD, interactions=(asked,), times={"last_contacted_at": NOW - timedelta(hours=1)})
    old = replace(LEAD, interactions=(happened("inquiry", timedelta(days=30)),))
    unknown = replace(LEAD, interactions=(happened("inquiry", timedelta(hours=2), known=timedelta(hours=-1)),))
    assert [urgency.inquiry_at for urgency in assess([answered, told, old, unknown, LEAD])] == [None] * 5


def test_an_inquiry_that_nobody_answers_is_looked_at_again_when_it_stops_being_new() -> None:
    asked = replace(LEAD, interactions=(happened("inquiry", timedelta(hours=2)),))
    stale_at = next_look(assess([asked])[0], NOW)
    assert stale_at == NOW - timedelta(hours=2) + FRESH
    assert assess([replace(asked, as_of=stale_at)])[0].inquiry_at is None


def test_a_contact_before_the_inquiry_does_not_answer_it() -> None:
    asked = (happened("sms", timedelta(days=9), "outbound"), happened("inquiry", timedelta(hours=1)))
    assert assess([replace(LEAD, interactions=asked)])[0].inquiry_at == NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    "changes", [{"stage": "lost"}, {"stage": "archived"}, {"status": "won"}, {"lead_type": "agent"}]
)
def test_closed_leads_and_agents_want_nothing(changes: dict[str, str]) -> None:
    found = assess([silent(400, **changes)])[0]
    assert (found.action, found.overdue, found.why_now) == (None, False, None)
    assert found.silent_days == 400


def test_of_whom_nothing_is_known_nothing_is_said() -> None:
    assert assess([LeadProfile(lead_id="1", as_of=NOW)])[0].silent_days is None
    assert assess([]) == []


def test_signs_after_as_of_do_not_break_the_silence() -> None:
    later = happened("sms", timedelta(days=-1), "inbound")
    assert assess([silent(20, interactions=(later,))])[0].silent_days == 20
