"""Each action as the request that HighLevel's public API documents ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.interventions import ACTIONS
from ml.interventions.catalogue import CATALOGUE
from ml.interventions.policy import Need, options, propose
from tasks.crm.action_rules import is_tenant_run
from tasks.crm.adapter import CrmAction
from tasks.crm.highlevel.requests import possible, request_of, why_not

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
CONTACTS, MESSAGES = {"Version": "2021-07-28"}, {"Version": "2021-04-15"}
TASK = {"title": "Title", "body": "Dear & short.\n\nBye,\nus", "dueDate": "2025-03-04T17:00:00Z", "completed": False}
EMAIL = {
    "type": "Email",
    "contactId": "c1",
    "subject": "Title",
    "html": "<p>Dear &amp; short.</p><p>Bye,<br>us</p>",
}
SMS = {"type": "SMS", "contactId": "c1", "message": "Dear & short.\n\nBye,\nus"}


def asked(action: str, settings=None, **changed):
    told = {
        "contact_id": "c1",
        "text": "Dear & short.\n\nBye,\nus",
        "title": "Title",
        "due_at": datetime(2025, 3, 4, 12, tzinfo=timezone(timedelta(hours=-5))),
        "assigned_to": "agent",
    }
    return request_of(CrmAction(action=action, **(told | changed), settings=settings or {}))


def ghl(method: str, path: str, body, headers=CONTACTS):
    return {"provider": "ghl", "method": method, "path": path, "body": body, "headers": headers}


def message(body):
    return ghl("POST", "/conversations/messages", body, MESSAGES)


#: without anything that a tenant has set up
BARE = {
    "call_task": ghl("POST", "/contacts/c1/tasks", TASK | {"assignedTo": "agent"}),
    "sms": message(SMS),
    "email": message(EMAIL),
    "market_report": message(EMAIL),
    "home_valuation": message(EMAIL),
    "listing_alert": message(EMAIL),
    "price_drop_alert": message(SMS),
    "showing_invite": message(SMS),
    "open_house_invite": message(EMAIL),
    "lender_intro": message(EMAIL),
    "concern_reply": message(EMAIL),
    "agent_reassign": ghl("POST", "/contacts/c1/tasks", TASK),
    "manager_escalation": ghl("POST", "/contacts/c1/tasks", TASK),
    "event_invite": message(EMAIL),
    "incentive": message(EMAIL),
    "reengagement_drip": None,
    "pause_automation": ghl("POST", "/contacts/c1/tags", {"tags": ["ml:pause_automation"]}),
    "suppress": ghl(
        "PUT",
        "/contacts/c1",
        {"dndSettings": {"SMS": {"status": "active"}, "Email": {"status": "active"}, "Call": {"status": "active"}}},
    ),
}


def test_the_golden_table_is_whole() -> None:
    assert list(BARE) == list(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_is_a_request_or_says_why_not(action) -> None:
    assert asked(action) == BARE[action]
    assert (why_not(action, contact_id="c1", text="Text", settings={}) is None) == (BARE[action] is not None)


@pytest.mark.parametrize("action", [name for name in ACTIONS if name not in ("suppress", "pause_automation")])
def test_a_tenants_workflow_goes_first_and_then_its_tag(action) -> None:
    both = {"workflows": {action: "w/1"}, "tags": {action: "win back"}}
    assert asked(action, both) == ghl("POST", "/contacts/c1/workflow/w%2F1", {})
    assert asked(action, {"tags": {action: "win back"}}) == ghl("POST", "/contacts/c1/tags", {"tags": ["win back"]})
    assert is_tenant_run(action, both)
    assert not is_tenant_run(action, {"workflows": {"other": "w1"}})


def test_automation_is_paused_by_leaving_the_workflow_or_by_a_tag() -> None:
    workflow = {"workflows": {"pause_automation": "w1"}}
    assert asked("pause_automation", workflow) == ghl("DELETE", "/contacts/c1/workflow/w1", None)
    assert asked("pause_automation", {"tags": {"pause_automation": "quiet"}}) == ghl(
        "POST", "/contacts/c1/tags", {"tags": ["quiet"]}
    )
    assert not is_tenant_run("pause_automation", workflow)


def test_nothing_stands_in_for_closing_all_channels() -> None:
    settings = {"workflows": {"suppress": "w1"}, "tags": {"suppress": "t"}}
    assert asked("suppress", settings) == BARE["suppress"]


def test_managers_and_new_agents_are_whom_the_tenant_names() -> None:
    users = {"users": {"manager": "boss", "reassign_to": "other"}}
    assert asked("manager_escalation", users)["body"]["assignedTo"] == "boss"
    assert asked("agent_reassign", users) == ghl("PUT", "/contacts/c1", {"assignedTo": "other"})
    # it is theirs already: somebody is to decide
    assert asked("agent_reassign", users, assigned_to="other") == ghl(
        "POST", "/contacts/c1/tasks", TASK | {"assignedTo": "boss"}
    )


def test_a_call_of_nobody_is_a_task_of_nobody() -> None:
    assert "assignedTo" not in asked("call_task", assigned_to=None)["body"]


@pytest.mark.parametrize(
    "action, resource", [("call_task", "contacts"), ("sms", "conversations"), ("market_report", "workflows")]
)
def test_each_resource_has_its_version_and_settings_override_it(action, resource) -> None:
    settings = {"versions": {resource: "2023-01-01"}, "workflows": {"market_report": "w1"}}
    assert asked(action, settings)["headers"] == {"Version": "2023-01-01"}
    others = {"versions": {"opportunities": "2023-01-01"}, "workflows": {"market_report": "w1"}}
    assert asked(action, others)["headers"]["Version"] != "2023-01-01"


@pytest.mark.parametrize(
    "action, changed, code",
    [
        ("call_task", {"contact_id": None}, "no_contact_id"),
        ("sms", {"contact_id": ""}, "no_contact_id"),
        ("sms", {"text": None}, "no_text"),
        ("email", {"text": ""}, "no_text"),
        ("reengagement_drip", {}, "no_workflow"),
        ("carrier_pigeon", {}, "unknown_action"),
    ],
)
def test_what_has_no_request_says_why(action, changed, code) -> None:
    assert asked(action, **changed) is None
    told = {"contact_id": "c1", "text": "Text"} | changed
    assert why_not(action, **told, settings={}) == code


def test_settings_that_are_blank_are_as_none() -> None:
    blank = {"workflows": {"sms": ""}, "tags": None, "users": {"manager": None}, "versions": {}}
    assert asked("sms", blank) == BARE["sms"]
    assert asked("manager_escalation", blank) == BARE["manager_escalation"]


def test_ids_cannot_leave_their_place_in_the_path() -> None:
    assert asked("suppress", contact_id="../locations/x?y=1")["path"] == "/contacts/..%2Flocations%2Fx%3Fy%3D1"


def test_words_cannot_become_markup() -> None:
    assert asked("email", text="<b>1 & 2</b>")["body"]["html"] == "<p>&lt;b&gt;1 &amp; 2&lt;/b&gt;</p>"


def test_a_time_without_a_zone_is_no_due_date() -> None:
    with pytest.raises(ValueError, match="zone"):
        asked("call_task", due_at=datetime(2025, 3, 4))


def test_what_can_be_done_hangs_on_what_is_set_up() -> None:
    assert possible({}) == set(ACTIONS) - {"reengagement_drip"}
    assert possible({"workflows": {"reengagement_drip": "w1"}}) == set(ACTIONS)


def test_all_that_the_policy_proposes_with_these_actions_has_a_request() -> None:
    need = Need(lead_id="1", as_of=NOW, probability=0.9, level="critical", threshold=14.0, lead_type="both")
    told = dict.fromkeys(("negative_sentiment", "missed_appointments", "delayed_decisions", "external_factors"), 0.9)
    needs = [replace(need, indicators=told), replace(need, neglected=True), replace(need, terminal=True)]
    found = [one for each in needs for one in options(propose(each, allowed_actions=possible({})))]
    assert {CATALOGUE.actions[one.action].writes for one in found} == {"sms", "email", "task", "note"}
    assert all(asked(one.action, text=one.text, title=one.title) for one in found)
