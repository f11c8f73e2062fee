"""On which channel and in which hours leads are best written to, on both databases: by replies, within the gates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from db.repositories.personalization import reply_clocks
from db.session import EVERY_TENANT, reading
from tasks.contracts.answers.personalization import Channel, SendWindow
from tasks.events import ingest
from tasks.leads.reply_clocks import refresh, refresh_reply_clocks
from tasks.leads.upsert import upsert
from tasks.privacy.rights import forget, restrict
from tasks.services.leads import profiles
from tasks.services.personalization import reply_clock, send_plan
from tasks.services.personalization.send_plan import SendPlan
from tests.support.interventions import DAY, NOON, T, brokerage, happened, work_at
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

NEW_YORK = ZoneInfo("America/New_York")
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def tenant(database: str) -> None:
    brokerage()


def lead(number: int, **fields: Any) -> str:
    given = {
        "external_id": f"ct{number}",
        "source_system": "ghl",
        "email": f"l{number}@example.com",
        "lead_type": "buyer",
        "stage": "engaged",
        "state": "NY",
        "created_at": (NOON - 120 * DAY).isoformat(),
        "as_of": (NOON - 100 * DAY).isoformat(),
        "opt_in_sms": True,
        "opt_in_email": True,
        **fields,
    }
    return str(upsert(tenant_id=T, leads=[given])["data"]["lead_ids"][0])


def answers(number: int, hour: int, days: int, kind: str = "sms", first: int = 2) -> None:
    """A lead is written to in the morning and answers at an hour of its own clock, day after day."""
    events = []
    for back in range(first, first + days):
        morning = (NOON - back * DAY).astimezone(NEW_YORK).replace(hour=8, minute=0)
        events += [(kind, morning, "outbound"), (kind, morning.replace(hour=hour, minute=10), "inbound")]
    told(number, *events)


def told(number: int, *events: tuple[str, datetime, str | None]) -> None:
    """Many events of a lead in one message."""
    lead = {"source_system": "ghl", "external_id": f"ct{number}"}
    given = [
        {"lead": lead, "kind": kind, "at": at.isoformat(), **({} if side is None else {"direction": side})}
        for kind, at, side in events
    ]
    answer = ingest(tenant_id=T, provider="generic", events=given, received_at=NOON.isoformat())["data"]
    assert answer["accepted"] == len(given), answer


def habitual() -> list[str]:
    """Three leads that answer at four in the afternoon, forty times."""
    lead_ids = [lead(number) for number in (1, 2, 3)]
    for number, days in ((1, 14), (2, 14), (3, 12)):
        answers(number, 16, days)
    return lead_ids


def plans(lead_ids: list[str], at: datetime = NOON) -> dict[str, SendPlan]:
    context = work_at(at)
    with context.transaction(T) as session:
        return send_plan.send_plans(session, context, profiles.load(session, T, lead_ids, at), at)


def plan(lead_id: str, at: datetime = NOON) -> SendPlan:
    return plans([lead_id], at)[lead_id]


def clock() -> Any:
    with reading(EVERY_TENANT) as session:
        return reply_clocks.get(session, T)


def test_a_new_lead_gets_the_tenants_habit_in_its_own_zone() -> None:
    habitual()
    texan = plan(lead(9, state="TX", timezone="America/Chicago"))
    window = texan.window
    assert (window["status"], window["basis"], window["basis_text"]) == ("ok", "tenant", "tenant's habit")
    assert (window["start_hour"], window["end_hour"], window["zone"]) == (16, 18, "America/Chicago")
    assert (window["next_start"], window["next_end"]) == ("2025-05-06T21:00:00+00:00", "2025-05-06T23:00:00+00:00")
    assert (window["own_replies"], window["tenant_replies"]) == (0, 40)
    assert window["text"] == (
        "16:00 to 18:00 in their zone, next on Tuesday: tenant's habit, 40 replies; 0 of their own."
    )


def test_the_answer_is_in_the_form_of_the_contract() -> None:
    lead_ids = [*habitual(), lead(8, dnd_all=True), lead(9)]
    for each in plans(lead_ids).values():
        SendWindow.model_validate(each.window)
        assert set(each.window) == set(SendWindow.model_fields)
        for channel in each.channels:
            Channel.model_validate(channel)
            assert set(channel) == set(Channel.model_fields)


def test_an_own_habit_wins_once_it_is_strong_enough() -> None:
    habitual()
    early = lead(9)
    answers(9, 10, 30)
    window = plan(early).window
    assert (window["basis"], window["start_hour"], window["own_replies"]) == ("own", 10, 30)
    assert window["text"].endswith("own habit, 30 replies of their own beside 70 replies of all leads.")


def test_a_tenant_without_replies_says_so_and_names_the_next_time_that_is_allowed() -> None:
    new = lead(9)
    window = plan(new, NOON.replace(hour=3)).window
    assert (window["status"], window["basis"], window["start_hour"]) == ("insufficient_data", "prior", None)
    assert window["next_start"] == "2025-05-06T13:00:00+00:00"
    assert "0 replies of the 30 that are needed" in window["text"]
    assert {channel["reply_rate"] for channel in plan(new).channels} == {None}


def test_a_refused_channel_comes_last_with_its_rule_and_all_refused_is_blocked() -> None:
    habitual()
    no_texts, nothing = lead(8, dnd_sms=True), lead(9, dnd_all=True)
    answers(8, 16, 3)
    ranked = plan(no_texts).channels
    assert [each["allowed"] for each in ranked] == [True, True, False]
    sms = ranked[-1]
    assert (sms["channel"], sms["why_not"], sms["replies"], sms["sent"]) == ("sms", "refusal.dnd_channel", 3, 3)
    blocked = plan(nothing)
    assert blocked.window["status"] == "blocked"
    assert blocked.window["next_start"] is None
    assert {each["why_not"] for each in blocked.channels} == {"refusal.terminal"}


def test_who_ended_or_is_restricted_is_contacted_on_no_channel() -> None:
    habitual()
    gone, still = lead(8, stage="closed lost"), lead(9)
    restrict(tenant_id=T, lead_id=still, restricted=True)
    both = plans([gone, still])
    assert {each["allowed"] for one in both.values() for each in one.channels} == {False}
    assert {each["why_not"] for each in both[still].channels} == {"record.restricted"}
    assert {one.window["status"] for one in both.values()} == {"blocked"}


def test_the_channel_that_is_answered_comes_first() -> None:
    habitual()
    by_mail = lead(9)
    answers(9, 15, 12, "email")
    told(9, *(("sms", NOON - back * DAY, "outbound") for back in range(20, 50)))
    ranked = plan(by_mail).channels
    basis = {each["channel"]: (each["rank"], each["basis"]) for each in ranked}
    assert basis["email"] == (1, "own")
    assert basis["sms"] == (3, "own")
    assert ranked[0]["reply_rate"] > 0.5 > ranked[2]["reply_rate"]


def test_opened_mails_change_nothing() -> None:
    lead_ids = habitual()
    before = plans(lead_ids)
    told(1, *(("email_opened", NOON - days * DAY - 9 * HOUR, None) for days in range(1, 20)))
    refresh(work_at(NOON))
    assert plans(lead_ids) == before


def test_the_clock_is_a_row_that_requests_read_and_the_periodic_job_renews() -> None:
    lead_ids = habitual()
    plans(lead_ids)
    first = clock()
    assert (first.replies, first.leads, first.slots[8]) == (40, 3, 40)
    assert first.channels["sms"]["sent"] == first.channels["sms"]["replied"] == 40
    answers(3, 16, 5, first=30)
    assert plans(lead_ids)[lead_ids[0]].window["tenant_replies"] == 40, "a request does not count again"
    refresh(work_at(NOON))
    assert clock().replies == 45


def test_a_tenant_with_too_few_replies_is_counted_again_at_most_once_a_minute() -> None:
    new = lead(9)
    assert plan(new).window["tenant_replies"] == 0
    habitual()
    assert plan(new, NOON + timedelta(seconds=59)).window["tenant_replies"] == 0
    assert plan(new, NOON + timedelta(seconds=60)).window["tenant_replies"] == 40


def test_the_periodic_job_counts_what_is_stale_once_an_hour() -> None:
    lead(1)
    happened(1, "sms", datetime.now(UTC) - DAY, "inbound")
    assert refresh_reply_clocks()["data"] == {"tenants": 1}
    assert refresh_reply_clocks()["data"] == {"tenants": 0}, "once in each hour"
    assert (clock().leads, clock().replies) == (1, 1)


def test_of_a_forgotten_lead_nothing_is_left_once_the_counts_are_renewed() -> None:
    lead_ids = habitual()
    plans(lead_ids)
    forget(tenant_id=T, lead_id=lead_ids[0], reason="request")
    with reading(EVERY_TENANT) as session:
        stale = reply_clocks.stale(session, before=NOON - DAY, enough=30, limit=9)
    assert stale == [T], "an erasure makes it due within the hour"
    context = work_at(NOON)
    with context.transaction(T) as session:
        fresh = reply_clock.count(session, T, context.settings(), NOON)
        reply_clocks.save(session, T, clock=replace(fresh, computed_at=datetime.now(UTC)))
    assert (clock().replies, clock().leads) == (26, 2)
    with reading(EVERY_TENANT) as session:
        assert reply_clocks.stale(session, before=NOON - DAY, enough=20, limit=9) == []


def test_a_batch_takes_a_few_statements_however_many_leads() -> None:
    lead_ids = habitual()
    plans(lead_ids)
    counts = []
    for some in (lead_ids[:1], lead_ids):
        context = work_at(NOON)
        with context.transaction(T) as session:
            stored = profiles.load(session, T, some, NOON)
            with counted() as ran:
                send_plan.send_plans(session, context, stored, NOON)
        counts.append(len(ran))
    assert counts[0] == counts[1] <= 8
