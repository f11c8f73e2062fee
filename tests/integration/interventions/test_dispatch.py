"""From a plan to the CRM and back on both databases: judged once more, told once, moved on by what the CRM reports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from db.models import Intervention
from db.records import InterventionRecord
from db.repositories.interventions import interventions
from db.session import EVERY_TENANT, reading, transaction
from tasks.errors import InvalidPayload
from tasks.interventions.approvals import review, waiting
from tasks.interventions.dispatch import dispatch
from tasks.interventions.expire import expire
from tasks.interventions.pauses import pause
from tasks.interventions.plan import plan
from tasks.leads.card import card
from tasks.leads.upsert import upsert
from tasks.outcomes import record
from tasks.privacy.rights import restrict
from tasks.services.interventions import gate_context
from tasks.services.interventions.intervention_settings import settings_of
from tasks.tenants import configure
from tests.support.interventions import (
    DAY,
    KEYS,
    NOON,
    T,
    actions_of,
    at_risk,
    brokerage,
    dispatched,
    happened,
    only,
    planned,
    proofs,
    rules,
    states,
    told,
    work_at,
)

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def tenant(database: str) -> None:
    brokerage(approval=[])


def call(lead_id: str, at: datetime = NOON) -> InterventionRecord:
    """A planned call, as good as made."""
    found: InterventionRecord = only(only(planned(at, lead_id, allowed_actions=["call_task"])).actions)
    return found


def handed_over(lead_id: str) -> InterventionRecord:
    action = call(lead_id)
    assert dispatched(NOON, action.action_id) == {"dispatched": 1}
    return action


def at_once(lead_id: str) -> str:
    """An action that no hours of the day stand against: nobody is contacted by it."""
    answer = plan(tenant_id=T, lead_id=lead_id, allowed_actions=["pause_automation"])["data"]
    return str(only(answer["actions"])["action_id"])


def reported(kind: str, action_id: str, number: int = 1, **more: Any) -> dict[str, Any]:
    outcome = {"subject": {"external_id": f"ct{number}"}, "type": kind, "at": (NOON + HOUR).isoformat()}
    answer: dict[str, Any] = record(tenant_id=T, outcomes=[outcome | {"action_id": action_id} | more])
    return answer


def test_an_action_is_told_once_with_all_that_the_crm_needs() -> None:
    lead_id = at_risk()
    action = handed_over(lead_id)
    event = only(told("action.planned"))
    assert (event["lead_id"], set(event["data"])) == (lead_id, KEYS)
    assert event["data"]["action_id"] == action.action_id
    assert event["data"]["crm"]["path"] == "/contacts/ct1/tasks"
    assert event["data"]["compliance"]["decision"] == "allow"
    assert dispatched(NOON + HOUR, action.action_id) == {}
    assert len(told("action.planned")) == 1
    assert [proof["state"] for proof in proofs()] == ["planned", "dispatched"]


def test_what_is_told_and_kept_holds_no_personal_data() -> None:
    who = {"first_name": "Zebulon", "last_name": "Quillfeather", "phone": "+13055550142", "email": "zeb@example.com"}
    lead_id = at_risk(**who, state=None)
    handed_over(lead_id)
    text = str(told("action.planned")) + str(proofs()) + str(actions_of(lead_id))
    assert not any(word in text for word in ("Zebulon", "Quillfeather", "5550142", "zeb@"))
    assert "area_code" in text


def out() -> None:
    happened(1, "sms", NOON + HOUR, "inbound", "Please STOP contacting me")


def objects() -> None:
    restrict(tenant_id=T, lead_id=lead_of(1), objected=True)


def killed() -> None:
    brokerage(approval=[], kill_switch=True)


def paused() -> None:
    pause(tenant_id=T, intervention="personal_attention", actor="ada.quill")
    pause(tenant_id=T, intervention="proactive_outreach", actor="ada.quill")


def won() -> None:
    outcome = {"subject": {"external_id": "ct1"}, "type": "won", "at": (NOON + HOUR).isoformat()}
    record(tenant_id=T, outcomes=[outcome])


def contacted() -> None:
    happened(1, "sms", NOON + HOUR, "outbound")


def nothing() -> None:
    return


def lead_of(number: int) -> str:
    given = {"external_id": f"ct{number}", "source_system": "ghl"}
    return str(upsert(tenant_id=T, leads=[given])["data"]["lead_ids"][0])


@pytest.mark.parametrize(
    ("meanwhile", "later", "went", "state", "why"),
    [
        (nothing, 2 * HOUR, {"dispatched": 1}, "dispatched", None),
        (out, 2 * HOUR, {"blocked": 1}, "blocked", None),
        (objects, 2 * HOUR, {"withdrawn": 1}, "withdrawn", "objected"),
        (killed, 2 * HOUR, {"withdrawn": 1}, "withdrawn", "kill_switch"),
        (paused, 2 * HOUR, {"withdrawn": 1}, "withdrawn", "paused"),
        (won, 2 * HOUR, {"withdrawn": 1}, "withdrawn", "ended"),
        (contacted, 2 * HOUR, {"deferred": 1}, "planned", None),
        (nothing, 10 * HOUR, {"deferred": 1}, "planned", None),
        (nothing, 30 * DAY, {}, "planned", None),
    ],
)
def test_an_action_is_judged_again_by_what_is_known_when_it_is_handed_over(
    meanwhile: Callable[[], None], later: timedelta, went: dict[str, int], state: str, why: str | None
) -> None:
    lead_id = at_risk()
    action = call(lead_id)
    meanwhile()
    assert dispatched(NOON + later, action.action_id) == went
    found = only(actions_of(lead_id))
    assert (found.state, found.withdrawn_reason) == (state, why)
    assert len(told("action.planned")) == went.get("dispatched", 0)
    assert found.not_before >= NOON + later or state != "planned" or not went


def test_what_was_put_off_goes_when_its_time_comes() -> None:
    lead_id = at_risk()
    action = call(lead_id)
    contacted()
    dispatched(NOON + 2 * HOUR, action.action_id)
    later = only(actions_of(lead_id))
    assert (later.not_before, rules(later.decision).count("frequency.day")) == (NOON + HOUR + DAY, 1)
    assert dispatched(later.not_before, action.action_id) == {"dispatched": 1}


def test_the_follow_up_hands_over_what_may_go_at_once_and_once() -> None:
    lead_id = at_risk(at=datetime.now(UTC))
    named = {"tenant_id": T, "action_ids": [at_once(lead_id)]}
    assert dispatch(**named)["data"] == {"dispatched": 1}
    assert dispatch(**named)["data"] == {}
    assert len(told("action.planned")) == 1


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        (["executed"], "executed"),
        (["rejected"], "rejected"),
        (["replied"], "replied"),
        (["executed", "replied"], "replied"),
    ],
)
def test_what_the_crm_reports_moves_the_action_on(kinds: list[str], state: str) -> None:
    lead_id = at_risk()
    action = handed_over(lead_id)
    for kind in kinds:
        assert reported(kind, action.action_id)["data"]["actions"] == 1
        again = reported(kind, action.action_id)["data"]
        assert (again["recorded"], again["actions"]) == (0, 0)
    found = only(actions_of(lead_id))
    assert (found.state, found.reported_at is not None) == (state, True)
    assert only(planned(NOON + 2 * DAY, lead_id)).reason in {"cooldown", "below_threshold"}


def test_an_action_that_was_carried_out_is_one_contact_whoever_tells_of_it() -> None:
    came = (NOON - 2 * DAY).isoformat()
    given = {"external_id": "ct1", "source_system": "ghl", "stage": "new", "source": "Website", "state": "NY"}
    lead = {**given, "email": "new@example.com", "created_at": came, "as_of": came, "assigned_to": "user-1"}
    lead_id = upsert(tenant_id=T, leads=[lead])["data"]["lead_ids"][0]
    action = handed_over(lead_id)
    assert action.reason_codes == ("neglected",)
    reported("executed", action.action_id)
    happened(1, "call", NOON + HOUR / 2, "outbound")
    context = work_at(NOON + 3 * HOUR)
    with reading(EVERY_TENANT) as session:
        subject = gate_context.load(session, context, [lead_id], settings_of(context.settings()))[lead_id]
    assert gate_context.contact_times(subject, context.now) == (NOON,)
    found = only(planned(NOON + 8 * DAY, lead_id))
    assert all("neglected" not in one.reason_codes for one in found.actions)


def test_what_a_person_sends_beside_an_action_is_a_contact_of_its_own() -> None:
    lead_id = at_risk()
    handed_over(lead_id)
    by_hand = [NOON + 2 * HOUR, NOON + DAY, NOON + DAY + HOUR]
    for at in (NOON + HOUR / 2, *by_hand):
        happened(1, "sms", at, "outbound")
    context = work_at(NOON + 2 * DAY)
    with reading(EVERY_TENANT) as session:
        subject = gate_context.load(session, context, [lead_id], settings_of(context.settings()))[lead_id]
    assert gate_context.contact_times(subject, context.now) == (NOON, *by_hand)


def test_what_is_told_of_no_action_of_the_lead_is_named_and_moves_nothing() -> None:
    lead_id = at_risk()
    action = call(lead_id)
    at_risk(2)
    assert reported("executed", action.action_id)["warnings"][0]["code"] == "action_not_running"
    assert reported("executed", action.action_id, 2)["warnings"][0]["code"] == "unknown_action"
    assert reported("executed", "0" * 32)["warnings"][0]["code"] == "unknown_action"
    assert states(lead_id) == ["planned"]
    with pytest.raises(InvalidPayload) as caught:
        record(tenant_id=T, outcomes=[{"subject": {"lead_id": lead_id}, "type": "executed", "at": NOON.isoformat()}])
    assert caught.value.code == "missing"


def test_what_is_over_is_withdrawn_and_the_crm_is_told_of_what_it_knows() -> None:
    known, unknown = at_risk(1), at_risk(2)
    action = handed_over(known)
    waits = call(unknown)
    assert expire()["data"] == {"withdrawn": 2}
    assert (states(known), states(unknown)) == (["withdrawn"], ["withdrawn"])
    event = only(told("action.withdrawn"))
    assert (event["lead_id"], event["data"]) == (known, {"action_id": action.action_id, "reason": "expired"})
    assert only(actions_of(unknown)).action_id == waits.action_id
    assert reported("executed", action.action_id)["data"]["actions"] == 1, "it was carried out all the same"
    assert states(known) == ["executed"]


def test_a_kill_switch_withdraws_what_waits_at_once_and_is_lifted_by_a_person() -> None:
    brokerage()
    told_of, waits, approval = at_risk(1), at_risk(2), at_risk(3)
    action = handed_over(told_of)
    call(waits)
    planned(NOON, approval)
    assert states(approval) == ["approval"]
    configure(tenant_id=T, settings={"interventions": {"kill_switch": True}})
    assert expire(tenant_id=T)["data"] == {"withdrawn": 3}
    assert [states(lead_id) for lead_id in (told_of, waits, approval)] == [["withdrawn"]] * 3
    assert [event["data"]["action_id"] for event in told("action.withdrawn")] == [action.action_id]
    configure(tenant_id=T, settings={"interventions": {"kill_switch": False}})
    assert expire(tenant_id=T)["data"] == {"withdrawn": 0}
    assert only(planned(NOON + DAY, waits)).actions


def test_a_kill_switch_does_not_take_back_that_a_lead_is_to_be_left_alone() -> None:
    lead_id = at_risk()
    happened(1, "sms", NOON - HOUR, "inbound", "STOP")
    protecting = only(only(planned(NOON, lead_id)).actions)
    assert dispatched(NOON, protecting.action_id) == {"dispatched": 1}
    brokerage(kill_switch=True)
    assert expire(tenant_id=T)["data"]["withdrawn"] == 0
    assert (protecting.action, states(lead_id)) == ("suppress", ["dispatched"])


def test_one_action_that_fails_holds_up_no_other_and_is_told_to_nobody() -> None:
    good, bad = at_risk(1, datetime.now(UTC)), at_risk(2, datetime.now(UTC))
    ids = [at_once(good), at_once(bad)]
    with transaction(EVERY_TENANT) as session:
        broken = update(Intervention).where(Intervention.action_id == ids[1]).values(detail={})
        session.execute(broken)
    assert dispatch(tenant_id=T, action_ids=ids)["data"] == {"dispatched": 1}
    assert (states(good), states(bad)) == (["dispatched"], ["planned"])
    assert [event["lead_id"] for event in told("action.planned")] == [good]


def test_a_person_approves_and_the_action_is_judged_once_more() -> None:
    brokerage()
    lead_id = at_risk()
    action = only(only(planned(NOON, lead_id)).actions)
    row = only(waiting(tenant_id=T)["data"]["actions"])
    assert (row["lead_id"], row["external_id"], row["state"]) == (lead_id, "ct1", "approval")
    assert row["compliance"]["rules"][-1]["rule"] == "approval.channel"
    shown = card(tenant_id=T, lead_id=lead_id)["data"]["actions"]
    assert only(shown["running"])["action_id"] == action.action_id
    assert dispatched(NOON + 3 * HOUR, action.action_id) == {}, "nobody has approved it"


def test_an_approval_stands_a_rejection_too_and_neither_is_said_twice() -> None:
    brokerage()
    now = datetime.now(UTC)
    yes, no = at_risk(1, now), at_risk(2, now)
    first, second = (only(plan(tenant_id=T, lead_id=one)["data"]["actions"])["action_id"] for one in (yes, no))
    named = {"tenant_id": T, "actor": "ada.quill"}
    assert review(**named, action_id=first, decision="approve")["data"] == {
        "action_id": first,
        "lead_id": yes,
        "external_id": "ct1",
        "source_system": "ghl",
        "state": "planned",
        "changed": True,
    }
    assert not review(**named, action_id=first, decision="approve")["data"]["changed"]
    assert review(**named, action_id=second, decision="reject")["data"]["state"] == "rejected"
    assert not review(**named, action_id=second, decision="approve")["data"]["changed"]
    assert plan(tenant_id=T, lead_id=no)["data"]["reason"] == "cooldown", "a job does not ask a person again at once"
    assert [(proof["state"], proof.get("actor")) for proof in proofs()][-2:] == [
        ("planned", "ada.quill"),
        ("rejected", "ada.quill"),
    ]
    with pytest.raises(InvalidPayload) as caught:
        review(**named, action_id="0" * 32, decision="approve")
    assert caught.value.code == "unknown_value"


def test_an_approved_action_goes_out_by_the_gates_of_its_moment() -> None:
    brokerage()
    goes, stops = at_risk(1), at_risk(2)
    found = {one.lead_id: only(one.actions) for one in planned(NOON, goes, stops)}
    with transaction(EVERY_TENANT) as session:
        for action in found.values():
            scope = {"action_id": action.action_id, "to": "planned", "of": {"approval"}, "by": "ada.quill"}
            assert interventions.move(session, T, **scope, now=NOON) is not None
    happened(2, "sms", NOON + HOUR, "inbound", "STOP")
    assert dispatched(NOON + 3 * HOUR, *(one.action_id for one in found.values())) == {"dispatched": 1, "blocked": 1}
    assert (states(goes), states(stops)) == (["dispatched"], ["blocked"])


def test_while_the_kill_switch_is_on_nothing_is_approved() -> None:
    lead_id = at_risk(at=datetime.now(UTC))
    brokerage()
    action = only(plan(tenant_id=T, lead_id=lead_id)["data"]["actions"])
    brokerage(kill_switch=True)
    answer = review(tenant_id=T, action_id=action["action_id"], decision="approve", actor="ada.quill")
    assert (answer["status"], answer["data"]["changed"]) == ("blocked", False)
