"""Planning on both databases: one plan a lead, once, by reasons, gates, budget and hold-out."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from db.models import Lead
from db.repositories.interventions import enrolments
from db.repositories.overrides import threshold_state
from db.repositories.predictions import predictions
from db.session import EVERY_TENANT, reading, transaction
from ml.interventions.compliance.gates import ActionCandidate
from tasks.errors import InvalidPayload
from tasks.interventions.pauses import pause, resume
from tasks.interventions.plan import plan, plan_due
from tasks.leads.card import card
from tasks.leads.upsert import upsert
from tasks.privacy.rights import restrict
from tasks.services.interventions import experiment, gate_context, plan_store
from tasks.services.interventions.intervention_settings import settings_of
from tasks.services.interventions.planning import plan_leads
from tests.support.interventions import (
    DAY,
    KEYS,
    NOON,
    PEOPLE,
    T,
    actions_of,
    at_risk,
    brokerage,
    dispatched,
    happened,
    held_out_lead,
    numbered_held_out,
    only,
    planned,
    proofs,
    rules,
    states,
    told,
    work_at,
)
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

HOUR = timedelta(hours=1)
ANGRY = "This is awful. I am furious and disappointed, what a horrible, terrible waste of my time!"


@pytest.fixture(autouse=True)
def tenant(database: str) -> None:
    brokerage()


def counts() -> tuple[int, int]:
    return len(proofs()), len(told("action.planned", "action.withdrawn"))


def test_a_lead_at_risk_gets_one_action_with_reasons_gates_and_a_ready_request() -> None:
    lead_id = at_risk()
    found = only(planned(NOON, lead_id))
    action = only(found.actions)
    assert (action.state, action.intervention, action.action) == ("approval", "proactive_outreach", "sms")
    assert action.reason_codes[0] == "communication_gaps"
    assert rules(action.decision) == [
        *("kill.off", "refusal.none", "consent.sms", "dnc.excepted", "quiet.open", "frequency.free", "content.clean"),
        "approval.channel",
    ]
    assert action.detail["crm"]["body"]["contactId"] == "ct1"
    assert only(proofs())["rules"] == rules(action.decision)
    with reading(EVERY_TENANT) as session:
        record = enrolments.for_leads(session, T, experiment=experiment.EXPERIMENT, lead_ids=[lead_id])[lead_id]
        assert threshold_state.above_each(session, T, threshold="churn", lead_ids=[lead_id]).keys() == {lead_id}
    assert (record.held_out, record.propensity, record.due_at - record.enrolled_at) == (False, 1.0, 30 * DAY)


def test_planning_again_gives_the_same_action_and_changes_nothing() -> None:
    lead_id = at_risk()
    first, before = planned(NOON, lead_id), counts()
    again = planned(NOON + HOUR, lead_id)
    assert [one.action_id for one in only(again).actions] == [one.action_id for one in only(first).actions]
    assert actions_of(lead_id) == list(only(first).actions)
    assert counts() == before
    planned(NOON + DAY, lead_id)
    assert states(lead_id) == ["approval"], "the next day the same is still waiting"


def test_two_planners_at_once_give_one_plan() -> None:
    lead_ids = [at_risk(number) for number in range(3)]
    works = [work_at(NOON), work_at(NOON)]
    failed: list[BaseException] = []
    ready = threading.Barrier(2)

    def run(context: Any) -> None:
        try:
            ready.wait(timeout=30)
            with context.transaction(T) as session:
                from_both.append([[a.action_id for a in one.actions] for one in facts_plan(session, context)])
        except BaseException as error:  # a thread's error is the test's
            failed.append(error)

    def facts_plan(session: Any, context: Any) -> Any:
        return plan_leads(session, context, lead_ids)

    from_both: list[Any] = []
    threads = [threading.Thread(target=run, args=(context,)) for context in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not failed
    assert from_both[0] == from_both[1]
    assert [len(actions_of(lead_id)) for lead_id in lead_ids] == [1, 1, 1]
    assert len(proofs()) == 3


def test_the_task_answers_with_the_actions_of_the_contract_and_once_for_each_message() -> None:
    lead_id = at_risk(at=datetime.now(UTC))
    answer = plan(tenant_id=T, lead_id=lead_id, idempotency_key="k")
    action = only(answer["data"]["actions"])
    assert set(action) == KEYS
    assert set(action["crm"]) >= {"provider", "method", "path", "body"}
    assert answer["data"]["held_out"] is False
    assert answer["data"]["propensity"] == 1.0
    again = plan(tenant_id=T, lead_id=lead_id, idempotency_key="k")
    assert again == answer | {"duplicate": True}
    assert plan(tenant_id=T, lead_id=lead_id)["data"]["actions"] == [action]
    assert plan_due(tenant_id=T, lead_ids=[lead_id])["data"] == {
        "leads": 1,
        "approval": 1,
        "waiting_for_yes": 0,
        "planned": 0,
        "dispatched": 0,
        "held_out": 0,
        "suppressed": 0,
        "nothing_new": {},
    }
    assert states(lead_id) == ["approval"]


def test_a_dry_run_answers_and_writes_nothing() -> None:
    lead_id = at_risk(at=datetime.now(UTC))
    assert plan(tenant_id=T, lead_id=lead_id, dry_run=True)["data"]["actions"]
    assert (actions_of(lead_id), proofs()) == ([], [])


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "missing"),
        ({"lead_id": "a", "lead_ids": ["a"]}, "missing"),
        ({"lead_id": "a", "allowed_actions": ["shout"]}, "unknown_value"),
        ({"lead_id": "a", "budget": -1}, "range"),
        ({"lead_id": "nobody"}, "unknown_lead"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        plan(tenant_id=T, **given)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("fields", "blocked_by", "action"),
    [
        ({"opt_in_sms": None}, {"sms": "consent.sms_missing"}, "email"),
        (
            {"opt_in_sms": None, "opt_in_email": None},
            {"sms": "consent.sms_missing", "email": "consent.email_missing"},
            "call_task",
        ),
        ({"dnd_sms": True}, {"sms": "refusal.dnd_channel"}, "email"),
        ({"opt_in_sms": False}, {"sms": "refusal.opted_out"}, "email"),
    ],
)
def test_what_a_gate_blocks_is_kept_with_its_rule_and_the_next_action_is_taken(
    fields: dict[str, Any], blocked_by: dict[str, str], action: str
) -> None:
    lead_id = at_risk(**fields)
    found = only(planned(NOON, lead_id))
    assert {one.action: one.decision["rules"][-1]["rule"] for one in found.blocked} == blocked_by
    assert only(found.actions).action == action
    assert states(lead_id).count("blocked") == len(blocked_by)
    kept = counts()
    planned(NOON + DAY, lead_id)
    assert counts() == kept, "what the same rule blocks again the next day is no news"


def test_what_was_blocked_and_may_go_the_same_day_is_decided_anew_with_its_request() -> None:
    lead_id = at_risk(opt_in_sms=None)
    assert only(planned(NOON, lead_id, allowed_actions=["sms"])).reason == "blocked"
    before = {one.action_id: one for one in actions_of(lead_id)}
    at_risk(opt_in_sms=True, at=NOON + HOUR)
    later = only(only(planned(NOON + 2 * HOUR, lead_id, allowed_actions=["sms"])).actions)
    blocked = before[later.action_id]
    assert (blocked.state, blocked.requires_approval) == ("blocked", False)
    assert (later.state, later.requires_approval) == ("approval", True)
    assert later.detail["crm"]["body"]["contactId"] == "ct1"
    assert later.expires_at - later.not_before == blocked.expires_at - blocked.not_before
    assert later in actions_of(lead_id)


def test_who_is_held_out_by_now_is_so_too_of_what_was_blocked_before() -> None:
    number, lead_id = numbered_held_out(opt_in_sms=None)
    assert only(planned(NOON, lead_id, allowed_actions=["sms"])).reason == "blocked"
    brokerage(holdout=0.5, approval=[])
    at_risk(number, NOON + HOUR, opt_in_sms=True)
    found = only(planned(NOON + 2 * HOUR, lead_id, allowed_actions=["sms"]))
    assert (found.actions, found.held_out, found.propensity) == ((), True, 0.5)
    action = only([one for one in actions_of(lead_id) if one.state != "blocked"])
    assert (action.state, action.held_out, action.propensity) == ("held_out", True, 0.5)


def test_whom_nothing_may_reach_gets_a_task_for_the_manager_at_most() -> None:
    long_ago = at_risk(
        source="cold list", opt_in_sms=None, opt_in_email=None, created_at=(NOON - 400 * DAY).isoformat()
    )
    found = only(planned(NOON + 60 * DAY, long_ago))
    assert {one.decision["rules"][-1]["rule"] for one in found.blocked if one.action == "call_task"} == {
        "consent.call_missing"
    }
    assert only(found.actions).channel == "internal"


def test_who_opted_out_is_suppressed_and_never_contacted() -> None:
    lead_id = at_risk()
    happened(1, "sms", NOON - HOUR, "inbound", "STOP")
    action = only(only(planned(NOON, lead_id)).actions)
    assert (action.action, action.channel, action.state, action.held_out) == ("suppress", "internal", "planned", False)
    with reading(EVERY_TENANT) as session:
        assert enrolments.tally(session, T, experiment=experiment.EXPERIMENT) == []


def test_who_opts_out_has_all_taken_back_at_once_and_is_suppressed_once() -> None:
    brokerage(approval=[])
    lead_id = at_risk()
    action = only(only(planned(NOON, lead_id, allowed_actions=["call_task"])).actions)
    dispatched(NOON, action.action_id)
    happened(1, "sms", NOON + HOUR, "inbound", "Unsubscribe me please")
    protecting = only(only(planned(NOON + 2 * HOUR, lead_id)).actions)
    assert (protecting.action, states(lead_id)) == ("suppress", ["withdrawn", "planned"])
    assert only(told("action.withdrawn"))["data"] == {"action_id": action.action_id, "reason": "unsubscribed"}
    assert dispatched(NOON + 2 * HOUR, protecting.action_id) == {"dispatched": 1}
    for later in (3 * HOUR, 20 * DAY):
        planned(NOON + later, lead_id)
    assert states(lead_id) == ["withdrawn", "dispatched"]


def test_gates_that_fail_let_nothing_pass_and_say_so() -> None:
    lead_id = at_risk()
    context = work_at(NOON)
    with reading(EVERY_TENANT) as session:
        choices = settings_of(context.settings())
        subject = gate_context.load(session, context, [lead_id], choices)[lead_id]
    broken = replace(subject, record=replace(subject.record, consent=None))
    text = ActionCandidate(action="sms", channel="sms", text="Shall we talk?")
    assert gate_context.judge_action(text, subject, NOON, choices).decision == "allow"
    found = gate_context.judge_action(text, broken, NOON, choices)
    assert (found.decision, [one.rule for one in found.rules]) == ("block", ["error.TypeError"])


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        # the night to the 7th of May, and those in which New York's clock goes on and back
        ("2025-05-07T02:00:00+00:00", "2025-05-07T13:00:00+00:00"),
        ("2025-03-09T03:00:00+00:00", "2025-03-09T13:00:00+00:00"),
        ("2024-11-03T03:00:00+00:00", "2024-11-03T14:00:00+00:00"),
    ],
)
def test_at_night_an_action_waits_for_the_leads_own_morning(at: str, opens: str) -> None:
    brokerage(approval=[])
    night = datetime.fromisoformat(at)
    lead_id = at_risk(at=night)
    action = only(only(planned(night, lead_id, allowed_actions=["call_task"])).actions)
    assert (action.state, action.not_before) == ("planned", datetime.fromisoformat(opens))
    assert action.decision["decision"] == "defer"
    assert dispatched(night + HOUR, action.action_id) == {}
    assert dispatched(action.not_before, action.action_id) == {"dispatched": 1}


def test_a_lead_that_was_contacted_today_waits_for_its_turn() -> None:
    brokerage(approval=[])
    lead_id = at_risk()
    happened(1, "sms", NOON - 2 * HOUR, "outbound")
    action = only(only(planned(NOON, lead_id, allowed_actions=["call_task"])).actions)
    assert action.not_before == NOON - 2 * HOUR + DAY
    assert "frequency.day" in rules(action.decision)


def test_of_a_lead_that_is_held_out_the_plan_is_kept_and_nobody_is_told() -> None:
    brokerage(holdout=0.5, approval=[])
    lead_id = held_out_lead()
    found = only(planned(NOON, lead_id))
    assert (found.actions, found.held_out, found.propensity, found.reason) == ((), True, 0.5, "held_out")
    assert (states(lead_id), only(actions_of(lead_id)).intervention) == (["held_out"], "proactive_outreach")
    assert told("action.planned") == []
    shown = card(tenant_id=T, lead_id=lead_id)["data"]["actions"]
    assert (shown["held_out"], shown["running"], shown["blocked"]) == (True, [], [])
    assert set(only(shown["past"])) == {"state", "planned_at"}
    before = counts()
    assert only(planned(NOON + 2 * DAY, lead_id)).reason == "held_out"
    assert counts() == before, "it is as seldom planned for as one that is sent to"
    brokerage(holdout=0, approval=[])
    assert only(planned(NOON + 8 * DAY, lead_id)).held_out, "who is held out stays so"
    assert states(lead_id) == ["held_out", "held_out"]
    with reading(EVERY_TENANT) as session:
        tally = enrolments.tally(session, T, experiment=experiment.EXPERIMENT)
    assert [(one.held_out, one.count) for one in tally] == [(True, 1)]


def test_a_restricted_lead_is_never_planned_for() -> None:
    lead_id, other = at_risk(1, datetime.now(UTC)), at_risk(2, datetime.now(UTC))
    restrict(tenant_id=T, lead_id=lead_id, objected=True)
    answer = plan(tenant_id=T, lead_id=lead_id)
    assert (answer["status"], answer["data"]["reason"]) == ("blocked", "objected")
    both = plan(tenant_id=T, lead_ids=[lead_id, other])
    assert (both["status"], both["data"]["nothing_new"], both["data"]["approval"]) == ("partial", {"objected": 1}, 1)
    assert actions_of(lead_id) == []
    restrict(tenant_id=T, lead_id=other, restricted=True)
    assert plan_due(tenant_id=T, lead_ids=[other])["data"]["nothing_new"] == {"restricted": 1}
    assert [one.withdrawn_reason for one in actions_of(other)] == ["restricted"]


def test_a_lead_that_answers_needs_nothing_more_and_what_waits_is_taken_back() -> None:
    lead_id = at_risk()
    planned(NOON, lead_id)
    happened(1, "sms", NOON + HOUR, "inbound", "Sorry, I was away. Let us talk!")
    found = only(planned(NOON + 2 * HOUR, lead_id))
    assert (found.reason, found.actions) == ("below_threshold", ())
    assert (states(lead_id), only(actions_of(lead_id)).withdrawn_reason) == (["withdrawn"], "not_needed")
    assert told("action.planned", "action.withdrawn") == [], "nobody was told of it, so nobody is told of its end"


def test_what_nobody_approved_in_time_is_planned_anew_another_day() -> None:
    lead_id = at_risk()
    first = only(only(planned(NOON, lead_id)).actions)
    later = only(planned(first.expires_at + HOUR, lead_id))
    assert (only(later.actions).action, only(later.actions).action_id == first.action_id) == (first.action, False)


def test_what_was_learnt_since_the_last_risk_counts_at_once() -> None:
    lead_id = at_risk()
    assert only(planned(NOON, lead_id)).actions
    happened(1, "sms", NOON + HOUR / 6, "inbound", "Back from a trip. When can we see the house?")
    assert only(planned(NOON + HOUR / 3, lead_id)).reason == "below_threshold"


def test_what_was_handed_over_while_a_plan_was_made_runs_and_nothing_takes_its_place() -> None:
    brokerage(approval=[])
    lead_id = at_risk()
    plan_made = only(planned(NOON, lead_id, allowed_actions=["call_task"]))
    action = only(plan_made.actions)
    assert dispatched(NOON, action.action_id) == {"dispatched": 1}
    context = work_at(NOON + HOUR)
    idle = replace(plan_made, reason="below_threshold")
    with context.transaction(T) as session:
        left = plan_store.withdraw_waiting(session, context, {lead_id: idle}, {})[lead_id]
    assert (left.reason, [one.action_id for one in left.actions]) == ("collision", [action.action_id])
    assert states(lead_id) == ["dispatched"]


def test_a_lead_that_cannot_be_read_holds_up_no_other() -> None:
    lead_ids = [at_risk(number, datetime.now(UTC)) for number in range(3)]
    with transaction(EVERY_TENANT) as session:
        session.execute(update(Lead).where(Lead.lead_id == lead_ids[1]).values(contact=b"broken"))
    assert plan_due(tenant_id=T, lead_ids=lead_ids)["data"]["approval"] == 2
    assert [len(actions_of(lead_id)) for lead_id in lead_ids] == [1, 0, 1]


def test_a_better_plan_supersedes_one_that_waits() -> None:
    lead_id = at_risk()
    planned(NOON, lead_id)
    refused = {"external_id": "ct1", "source_system": "ghl", "opt_in_sms": False, "as_of": (NOON - HOUR).isoformat()}
    upsert(tenant_id=T, leads=[refused])
    action = only(only(planned(NOON + HOUR, lead_id)).actions)
    assert action.action == "email"
    assert states(lead_id) == ["blocked", "approval"]
    assert rules(actions_of(lead_id)[0].decision)[-1] == "refusal.opted_out"
    planned(NOON + 2 * HOUR, lead_id, allowed_actions=["call_task"])
    assert states(lead_id) == ["blocked", "withdrawn", "planned"]
    assert actions_of(lead_id)[1].withdrawn_reason == "superseded"


def test_a_running_action_and_the_days_after_it_leave_a_lead_alone() -> None:
    brokerage(approval=[])
    lead_id = at_risk()
    action = only(only(planned(NOON, lead_id, allowed_actions=["call_task"])).actions)
    assert dispatched(NOON, action.action_id) == {"dispatched": 1}
    assert only(planned(NOON + DAY, lead_id)).reason == "collision"
    assert only(planned(NOON + 5 * DAY, lead_id)).reason == "cooldown"
    assert only(planned(NOON + 8 * DAY, lead_id)).reason is None
    assert states(lead_id)[0] == "dispatched"


def test_a_wavering_risk_does_not_nag() -> None:
    lead_id = at_risk()
    brokerage(enter=0.99, leave=0.98)
    assert only(planned(NOON, lead_id)).reason == "below_threshold"
    brokerage(enter=0.6, leave=0.5)
    assert only(planned(NOON + HOUR, lead_id)).actions
    brokerage(enter=0.95, leave=0.5)
    assert only(planned(NOON + 3 * HOUR, lead_id)).actions, "entered at one height, left below a lower one"
    other = at_risk(2)
    assert only(planned(NOON + 3 * HOUR, other)).reason == "below_threshold"


def test_for_a_lead_that_nobody_ever_contacted_the_agent_gets_the_task() -> None:
    now = (NOON - 2 * DAY).isoformat()
    lead = {"external_id": "new", "source_system": "ghl", "email": "n@example.com", "stage": "new", "source": "Website"}
    given = {**lead, "state": "NY", "created_at": now, "as_of": now, "lead_type": "buyer", "assigned_to": "user-1"}
    lead_id = upsert(tenant_id=T, leads=[given | {"opt_in_sms": True}])["data"]["lead_ids"][0]
    action = only(only(planned(NOON, lead_id)).actions)
    assert action.reason_codes == ("neglected",)
    assert action.action in PEOPLE
    assert action.channel != "sms"


def test_a_budget_is_spent_on_the_leads_that_are_worth_most() -> None:
    lead_ids = [at_risk(number) for number in range(4)]
    found = planned(NOON, *lead_ids, allowed_actions=["call_task"], budget=20.0)
    bought = [one for one in found if one.actions]
    assert sum(only(one.actions).cost for one in bought) == 20.0
    assert [one.reason for one in found if not one.actions] == ["budget", "budget"]
    again = planned(NOON, *lead_ids, allowed_actions=["call_task"], budget=0.0)
    assert {one.lead_id for one in again if one.actions} == {one.lead_id for one in bought}, "what was paid for stays"


def test_the_budget_of_a_day_is_spent_once_over_all_batches() -> None:
    brokerage(budget=20.0, allowed_actions=["call_task"])
    lead_ids = [at_risk(number) for number in range(4)]
    batches = [only(planned(NOON + number * HOUR, lead_id)) for number, lead_id in enumerate(lead_ids)]
    assert [one.reason for one in batches] == [None, None, "budget", "budget"]
    assert only(planned(NOON + DAY + 2 * HOUR, lead_ids[3])).actions, "the next day has its own"


def test_a_number_that_is_tagged_do_not_call_is_not_rung() -> None:
    lead_id = at_risk(tags=["Buyer", "DNC"])
    found = only(planned(NOON, lead_id, allowed_actions=["sms", "call_task"]))
    assert found.actions == ()
    assert {(one.channel, one.decision["rules"][-1]["rule"]) for one in found.blocked} == {
        ("sms", "refusal.dnd_channel"),
        ("call", "refusal.dnd_channel"),
    }
    assert only(only(planned(NOON, lead_id, allowed_actions=["email"])).actions).channel == "email"


def test_a_kill_switch_stops_planning() -> None:
    lead_id = at_risk(at=datetime.now(UTC))
    brokerage(kill_switch=True)
    answer = plan(tenant_id=T, lead_id=lead_id)
    assert (answer["status"], answer["data"]["reason"], answer["data"]["actions"]) == ("blocked", "kill_switch", [])
    assert actions_of(lead_id) == []


def test_a_paused_type_is_not_proposed_until_somebody_lifts_it() -> None:
    lead_id = at_risk()
    named = {"tenant_id": T, "intervention": "proactive_outreach", "actor": "ada.quill"}
    assert pause(**named, reason="complaints")["data"]["changed"]
    assert not pause(**named, reason="complaints")["data"]["changed"]
    assert only(only(planned(NOON, lead_id)).actions).intervention != "proactive_outreach"
    assert resume(**named)["data"]["changed"]
    other = at_risk(2)
    assert only(only(planned(NOON, other)).actions).intervention == "proactive_outreach"
    assert [(event["type"], event["data"]["by"]) for event in told("intervention.paused", "intervention.resumed")] == [
        ("intervention.paused", "ada.quill"),
        ("intervention.resumed", "ada.quill"),
    ]
    pause(tenant_id=T, intervention="*", actor="ada.quill")
    assert only(planned(NOON, at_risk(3))).reason == "paused"


def test_the_tone_of_messages_alone_triggers_no_action() -> None:
    calm, angry = at_risk(1), at_risk(2)
    for number, text in ((1, "ok"), (2, ANGRY)):
        for minute in range(8):
            happened(number, "sms", NOON - 39 * DAY + minute * HOUR / 60, "inbound", text)
    brokerage(enter=0.99, leave=0.98)
    planned(NOON, calm, angry)
    with reading(T) as session:
        rows = predictions.latest(session, T, kind="churn", lead_ids=[calm, angry])
    risk = {row.lead_id: row.probability or 0.0 for row in rows}
    assert risk[calm] + 0.01 < risk[angry], "the tone raises what is shown"
    between = (risk[calm] + risk[angry]) / 2
    brokerage(enter=between, leave=between)
    assert only(planned(NOON + HOUR / 60, angry)).reason == "below_threshold"
    brokerage(enter=risk[calm] - 0.01, leave=risk[calm] - 0.01)
    assert only(planned(NOON + HOUR / 30, angry)).actions, "by what else warns of it"


def test_many_leads_take_as_many_statements_as_few() -> None:
    few, many = [at_risk(number) for number in range(9)], [at_risk(number) for number in range(10, 30)]
    planned(NOON, at_risk(99))
    with counted() as one:
        assert all(found.actions for found in planned(NOON, *few))
    with counted() as other:
        assert all(found.actions for found in planned(NOON, *many))
    assert len(other) == len(one), other


def test_where_nobody_knows_the_place_what_needs_no_hour_of_it_goes_first() -> None:
    elsewhere = at_risk(1, state=None)
    found = only(planned(NOON, elsewhere, allowed_actions=["sms", "showing_invite", "email", "listing_alert"]))
    assert {one.channel for one in found.actions} == {"email"}
    alone = at_risk(2, state=None, opt_in_email=None)
    waits = only(planned(NOON, alone, allowed_actions=["sms", "showing_invite", "email", "listing_alert"]))
    assert [one.channel for one in waits.actions] == ["sms"]
    assert only(waits.actions).not_before > NOON
