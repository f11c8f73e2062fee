"""The first plan of a tenant and a large one wait for a person's yes, on both databases; what protects never waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.records import EnrolmentRecord, InterventionRecord, OutboxRecord
from db.repositories.interventions import enrolments, plan_releases
from db.session import EVERY_TENANT, reading
from tasks.interventions.approvals import review, waiting
from tasks.interventions.expire import expire
from tasks.interventions.plan import plan, plan_due
from tasks.interventions.releases import release
from tasks.interventions.report import report
from tasks.privacy.rights import restrict
from tasks.services.interventions import experiment, plan_wait
from tasks.services.interventions.plan_store import hand_over
from tasks.tenants import configure
from tests.support.interventions import (
    DAY,
    NOON,
    T,
    actions_of,
    at_risk,
    brokerage,
    dispatched,
    happened,
    numbered_held_out,
    only,
    planned,
    proofs,
    states,
    told,
    work_at,
)

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

HOUR = timedelta(hours=1)
CALLS = ["call_task"]
#: actions for people in the house: no hour of the day stands against them
IN_HOUSE = ["manager_escalation", "agent_reassign"]


@pytest.fixture(autouse=True)
def tenant(database: str) -> None:
    brokerage(ask_before=None)


def calls(at: datetime, *lead_ids: str) -> list[InterventionRecord]:
    """The actions of a plan of calls for leads."""
    return [action for lead in planned(at, *lead_ids, allowed_actions=CALLS) for action in lead.actions]


def said(decision: Any, at: datetime, **more: Any) -> tuple[list[InterventionRecord], list[OutboxRecord]]:
    """What an answer moved, and the follow-ups that were published."""
    published: list[OutboxRecord] = []
    context = work_at(at, published)
    with context.transaction(T) as session:
        _, moved = plan_wait.decide(session, context, plan_wait.Answer(decision=decision, actor="ada.quill", **more))
        hand_over(context, [one for one in moved if one.state == "planned" and one.not_before <= at])
    return moved, published


def enrolled(*lead_ids: str) -> dict[str, EnrolmentRecord]:
    with reading(EVERY_TENANT) as session:
        return enrolments.for_leads(session, T, experiment=experiment.EXPERIMENT, lead_ids=lead_ids)


def numbered_sent(first: int) -> tuple[int, str]:
    """A lead that the hash does not hold out at a share of a half, with its number."""
    numbers = range(first, first + 60)
    leads = ((number, at_risk(number)) for number in numbers)
    return next(one for one in leads if not experiment.assign_arm(T, one[1], 0.5).held_out)


def ids(actions: Sequence[InterventionRecord]) -> list[str]:
    return [action.action_id for action in actions]


def test_the_first_plan_waits_and_is_told_once_whatever_joins_it() -> None:
    first, second, third = (at_risk(number) for number in range(3))
    actions = calls(NOON, first, second)
    assert [(one.state, one.awaits, one.requires_approval) for one in actions] == [
        ("approval", "plan.first", False)
    ] * 2
    joined = calls(NOON + HOUR, first, third)
    assert [one.awaits for one in joined] == ["plan.first"] * 2
    assert dispatched(NOON + HOUR, *ids([*actions, *joined])) == {}
    assert told("action.planned") == []
    event = only(told("plan.waiting"))
    assert event["data"] | {"lead_id": None} == {
        "reason": "plan.first",
        "actions": 2,
        "leads": 2,
        "interventions": {actions[0].intervention: 2},
        "lead_id": None,
    }
    assert event["lead_id"] is None
    assert all("plan.first" in proof["rules"] for proof in proofs())
    assert enrolled(first, second, third) == {}


def test_a_card_a_list_and_the_report_say_that_a_plan_waits_and_count_nobody_as_sent_to() -> None:
    now = datetime.now(UTC)
    lead_ids = [at_risk(number, at=now) for number in range(3)]
    counted = plan(tenant_id=T, lead_ids=lead_ids, allowed_actions=CALLS)["data"]
    assert (counted["approval"], counted["waiting_for_yes"], counted["dispatched"]) == (3, 3, 0)
    listed = waiting(tenant_id=T)["data"]
    assert (listed["actions"], listed["plan"]["actions"], listed["plan"]["leads"]) == ([], 3, 3)
    assert [kind["action"] for kind in listed["plan"]["kinds"]] == CALLS
    shown = waiting(tenant_id=T, waiting_for="plan")["data"]["actions"]
    assert {one["lead_id"] for one in shown} == set(lead_ids)
    assert all(one["compliance"]["rules"][-1]["rule"] == "plan.first" for one in shown)
    told_of = report(tenant_id=T)
    assert (told_of["status"], told_of["data"]["sent"]) == ("insufficient_data", 0)
    assert told_of["data"]["plan"]["actions"] == 3
    assert told_of["data"]["reason"].startswith("A plan waits for a person's yes")
    assert "hearth interventions release" in told_of["data"]["reason"]


def test_a_yes_hands_over_once_however_often_it_is_said() -> None:
    lead_ids = [at_risk(number) for number in range(3)]
    actions = calls(NOON, *lead_ids)
    moved, published = said("yes", NOON + HOUR)
    assert sorted(ids(moved)) == sorted(ids(actions))
    assert [one.task for one in published] == ["hearth.interventions.dispatch"]
    assert sorted(published[0].kwargs["action_ids"]) == sorted(ids(actions))
    assert said("yes", NOON + HOUR) == ([], [])
    assert said("no", NOON + HOUR) == ([], [])
    assert dispatched(NOON + HOUR, *ids(actions)) == {"dispatched": 3}
    assert dispatched(NOON + HOUR, *ids(actions)) == {}
    assert len(told("action.planned")) == 3
    answered = only(proofs("plan_answered"))
    assert (answered["actor"], answered["decision"], answered["actions"], answered["leads"]) == (
        "ada.quill",
        "yes",
        3,
        3,
    )
    with reading(EVERY_TENANT) as session:
        stored = plan_releases.newest(session, T)
    assert stored is not None
    assert {action.release_id for lead in lead_ids for action in actions_of(lead)} == {stored.release_id}
    assert {one.enrolled_at for one in enrolled(*lead_ids).values()} == {NOON + HOUR}, (
        "time to react counts from the yes"
    )


def test_the_task_answers_what_it_did_and_the_same_message_twice_is_one_answer() -> None:
    now = datetime.now(UTC)
    plan(tenant_id=T, lead_ids=[at_risk(number, at=now) for number in range(2)], allowed_actions=CALLS)
    done = release(tenant_id=T, actor="ada.quill", idempotency_key="k")
    assert {**done["data"], "release_id": None} == {
        "decision": "yes",
        "changed": True,
        "release_id": None,
        "actions": 2,
        "leads": 2,
        "waiting": None,
    }
    assert release(tenant_id=T, actor="ada.quill", idempotency_key="k") == done | {"duplicate": True}
    again = release(tenant_id=T, actor="ada.quill")["data"]
    assert (again["changed"], again["actions"], again["release_id"]) == (False, 0, None)
    assert len(proofs("plan_answered")) == 1


def test_after_the_yes_plans_of_a_usual_size_go_at_once() -> None:
    calls(NOON, at_risk(0))
    said("yes", NOON + HOUR)
    later = only(calls(NOON + 2 * HOUR, at_risk(1)))
    assert (later.state, later.awaits) == ("planned", None)
    assert dispatched(NOON + 2 * HOUR, later.action_id) == {"dispatched": 1}
    assert len(told("plan.waiting")) == 1


def test_a_no_withdraws_all_and_asks_again_only_after_the_cooldown() -> None:
    lead_id = at_risk()
    calls(NOON, lead_id)
    moved, published = said("no", NOON + HOUR)
    assert ([one.withdrawn_reason for one in moved], published) == (["declined"], [])
    assert (states(lead_id), only(moved).reviewed_by) == (["withdrawn"], "ada.quill")
    assert told("action.planned", "action.withdrawn") == []
    assert only(planned(NOON + 2 * DAY, lead_id, allowed_actions=CALLS)).reason == "cooldown"
    assert enrolled(lead_id) == {}
    assert only(calls(NOON + 2 * DAY, at_risk(2))).awaits == "plan.first", "a no opens no way"
    assert len(told("plan.waiting")) == 2


def opened() -> None:
    """A tenant whose first plan was let go long ago."""
    calls(NOON - 10 * DAY, at_risk(999, at=NOON - 10 * DAY))
    assert said("yes", NOON - 10 * DAY)[0]


def test_a_large_plan_needs_its_own_yes_and_small_batches_add_up_to_one() -> None:
    opened()
    lead_ids = [at_risk(number) for number in range(23)]
    assert {one.state for one in calls(NOON, *lead_ids[:12])} == {"planned"}
    assert {one.awaits for one in calls(NOON + HOUR, *lead_ids[12:20])} == {None}, "twenty a day are never large"
    last = calls(NOON + HOUR, *lead_ids[20:22])
    assert [(one.state, one.awaits) for one in last] == [("approval", "plan.large")] * 2
    assert only(told("plan.waiting")[1:])["data"]["reason"] == "plan.large"
    assert only(calls(NOON + HOUR, lead_ids[22])).awaits == "plan.large", "it joins what waits"
    moved, _ = said("yes", NOON + 2 * HOUR)
    assert len(moved) == 3
    small = only(calls(NOON + DAY + 2 * HOUR, at_risk(50, at=NOON + DAY)))
    assert small.awaits is None, "the next day is counted anew"


def test_what_went_out_by_a_yes_is_not_counted_against_the_next_plan() -> None:
    calls(NOON, *(at_risk(number) for number in range(25)))
    assert len(said("yes", NOON + HOUR)[0]) == 25
    assert only(calls(NOON + 2 * HOUR, at_risk(30))).awaits is None


def test_a_share_of_the_open_leads_decides_for_a_larger_tenant() -> None:
    brokerage(ask_before="large", largest_plan_share=0.9)
    lead_ids = [at_risk(number) for number in range(25)]
    assert {one.awaits for one in calls(NOON, *lead_ids[:22])} == {None}
    assert {one.awaits for one in calls(NOON, *lead_ids[22:])} == {"plan.large"}, "25 of 25 are more than nine tenths"


def test_who_wants_out_is_protected_at_once_while_the_plan_waits() -> None:
    lead_id = at_risk()
    calls(NOON, lead_id)
    happened(1, "sms", NOON + HOUR, "inbound", "Please STOP contacting me")
    suppress = only(only(planned(NOON + 2 * HOUR, lead_id)).actions)
    assert (suppress.action, suppress.state, states(lead_id)) == ("suppress", "planned", ["withdrawn", "planned"])
    assert dispatched(NOON + 2 * HOUR, suppress.action_id) == {"dispatched": 1}
    assert said("yes", NOON + 3 * HOUR)[0] == []


def test_a_pause_of_automation_changes_the_crm_and_waits() -> None:
    lead_id = at_risk()
    found = only(only(planned(NOON, lead_id, allowed_actions=["pause_automation"])).actions)
    assert (found.state, found.awaits) == ("approval", "plan.first")
    assert len(told("plan.waiting")) == 1


def test_what_is_approved_one_by_one_is_no_part_of_the_plan() -> None:
    lead_id = at_risk()
    text = only(only(planned(NOON, lead_id, allowed_actions=["sms"])).actions)
    assert (text.state, text.awaits) == ("approval", None)
    assert said("yes", NOON + HOUR)[0] == []
    assert states(lead_id) == ["approval"]
    assert told("plan.waiting") == []


def test_one_lead_that_is_asked_for_goes_at_once_even_out_of_a_plan_that_waits() -> None:
    now = datetime.now(UTC)
    first, second = (at_risk(number, at=now) for number in range(2))
    plan(tenant_id=T, lead_ids=[first], allowed_actions=CALLS)
    assert actions_of(first)[0].awaits == "plan.first"
    assert enrolled(first) == {}
    for lead_id in (first, second):
        action = only(plan(tenant_id=T, lead_id=lead_id, allowed_actions=CALLS)["data"]["actions"])
        assert "plan.first" not in [ruling["rule"] for ruling in action["compliance"]["rules"]]
        assert [(one.state, one.awaits) for one in actions_of(lead_id)] == [("planned", None)]
    assert [proof["state"] for proof in proofs()] == ["approval", "planned", "planned"]
    assert enrolled(first, second).keys() == {first, second}


def test_a_tenant_decides_before_and_its_audit_says_who() -> None:
    lead_id = at_risk()
    calls(NOON, lead_id)
    configure(tenant_id=T, settings={"interventions": {"ask_before": "never"}}, actor="ada.quill")
    assert [(one.state, one.awaits) for one in calls(NOON + HOUR, lead_id)] == [("planned", None)]
    assert only(calls(NOON + HOUR, at_risk(2))).state == "planned"
    assert enrolled(lead_id).keys() == {lead_id}


def test_both_arms_are_enrolled_by_the_yes_and_a_held_out_lead_shows_nothing() -> None:
    brokerage(ask_before=None, holdout=0.5)
    _, held_out = numbered_held_out()
    _, sent = numbered_sent(300)
    plans = {one.lead_id: one for one in planned(NOON, held_out, sent, allowed_actions=CALLS)}
    assert (plans[held_out].actions, plans[held_out].reason, plans[held_out].held_out) == ((), "held_out", True)
    assert (states(held_out), states(sent)) == (["held_out"], ["approval"])
    again = {one.lead_id: one for one in planned(NOON + HOUR, held_out, sent, allowed_actions=CALLS)}
    assert (again[held_out].reason, again[held_out].actions) == ("held_out", ())
    assert (states(held_out), states(sent)) == (["held_out"], ["approval"]), "nothing is planned twice"
    assert enrolled(held_out, sent) == {}
    said("yes", NOON + DAY)
    both = enrolled(held_out, sent)
    assert {lead: (one.held_out, one.propensity, one.enrolled_at) for lead, one in both.items()} == {
        held_out: (True, 0.5, NOON + DAY),
        sent: (False, 0.5, NOON + DAY),
    }
    assert states(held_out) == ["held_out"]
    assert only(planned(NOON + 2 * DAY, held_out, allowed_actions=CALLS)).reason == "held_out"


def test_a_lead_that_answers_while_its_plan_waits_is_enrolled_in_neither_arm() -> None:
    brokerage(ask_before=None, holdout=0.5)
    number, held_out = numbered_held_out()
    (sent_number, sent), (_, other) = numbered_sent(300), numbered_sent(400)
    planned(NOON, held_out, sent, other, allowed_actions=CALLS)
    for one in (number, sent_number):
        happened(one, "sms", NOON + HOUR, "inbound", "Yes, I would love to see it tomorrow!")
    planned(NOON + 2 * HOUR, held_out, sent, allowed_actions=CALLS)
    assert states(sent) == ["withdrawn"]
    assert [one.lead_id for one in said("yes", NOON + 3 * HOUR)[0]] == [other]
    assert enrolled(held_out, sent, other).keys() == {other}


def test_one_action_of_the_plan_may_be_approved_or_rejected_and_its_lead_is_enrolled_with_the_others() -> None:
    now = datetime.now(UTC)
    lead_ids = [at_risk(number, at=now) for number in range(3)]
    plan(tenant_id=T, lead_ids=lead_ids, allowed_actions=CALLS)
    chosen, refused, _ = (actions_of(lead)[0].action_id for lead in lead_ids)
    assert review(tenant_id=T, action_id=chosen, decision="approve", actor="bo")["data"]["state"] == "planned"
    assert review(tenant_id=T, action_id=refused, decision="reject", actor="bo")["data"]["state"] == "rejected"
    assert enrolled(*lead_ids) == {}
    assert release(tenant_id=T, actor="ada.quill")["data"]["actions"] == 1
    assert enrolled(*lead_ids).keys() == set(lead_ids), "as chance sorted them, whatever a person thought of one"
    assert [states(lead)[0] for lead in lead_ids] == ["planned", "rejected", "planned"]


def test_a_yes_to_one_type_lets_that_go_and_opens_no_way() -> None:
    first = only(calls(NOON, at_risk(1)))
    other = next(name for name in ("proactive_outreach", "personal_attention") if name != first.intervention)
    assert said("yes", NOON + HOUR, scope=[other])[0] == []
    assert ids(said("yes", NOON + HOUR, scope=[first.intervention])[0]) == [first.action_id]
    assert only(calls(NOON + HOUR, at_risk(2))).awaits == "plan.first"


def test_what_came_while_a_person_answered_waits_on_and_is_told() -> None:
    now = datetime.now(UTC)
    early, late = (at_risk(number, at=now) for number in range(2))
    plan(tenant_id=T, lead_ids=[early], allowed_actions=CALLS)
    shown = waiting(tenant_id=T)["data"]["plan"]
    plan(tenant_id=T, lead_ids=[late], allowed_actions=CALLS)
    done = release(tenant_id=T, actor="ada.quill", until=shown["until"])["data"]
    assert (done["actions"], done["waiting"]["actions"]) == (1, 1)
    assert (states(early), states(late)) == (["planned"], ["approval"])
    assert [event["data"]["actions"] for event in told("plan.waiting")] == [1, 1]
    assert release(tenant_id=T, actor="ada.quill")["data"]["waiting"] is None


def test_what_waits_too_long_expires_and_is_planned_anew() -> None:
    lead_id = at_risk()
    action = only(calls(NOON, lead_id))
    over = action.expires_at + HOUR
    assert said("yes", over)[0] == []
    assert expire()["data"]["withdrawn"] == 1
    assert (states(lead_id), actions_of(lead_id)[0].awaits) == (["withdrawn"], None)
    assert only(calls(over + DAY, lead_id)).awaits == "plan.first"


def test_however_long_a_plan_waits_people_get_no_more_than_the_budget_of_a_day() -> None:
    brokerage(ask_before=None, budget=10.0, allowed_actions=CALLS)
    first, second = at_risk(1), at_risk(2)
    assert [len(one.actions) for one in planned(NOON, first, second)].count(1) == 1
    assert [len(one.actions) for one in planned(NOON + 26 * HOUR, first, second)].count(1) == 1
    said("yes", NOON + 27 * HOUR)
    assert [one.reason for one in planned(NOON + 28 * HOUR, first, second)].count("budget") == 1
    assert len(calls_planned(first, second)) == 1


def calls_planned(*lead_ids: str) -> list[InterventionRecord]:
    return [action for lead in lead_ids for action in actions_of(lead) if action.state == "planned"]


def test_restriction_and_kill_switch_take_a_plan_back_and_no_yes_brings_it_out() -> None:
    now = datetime.now(UTC)
    first, second = (at_risk(number, at=now) for number in range(2))
    plan(tenant_id=T, lead_ids=[first, second], allowed_actions=CALLS)
    restrict(tenant_id=T, lead_id=first, restricted=True)
    plan_due(tenant_id=T, lead_ids=[first])
    assert states(first) == ["withdrawn"]
    brokerage(ask_before=None, kill_switch=True)
    stopped = release(tenant_id=T, actor="ada.quill")
    assert (stopped["status"], stopped["data"]["changed"]) == ("blocked", False)
    expire(tenant_id=T)
    assert states(second) == ["withdrawn"]
