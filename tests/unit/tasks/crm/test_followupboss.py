"""Follow Up Boss: each action as the request that its public API documents ask for, its signature, its limits."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.interventions import ACTIONS
from ml.interventions.catalogue import CATALOGUE
from ml.interventions.policy import Need, options, propose
from tasks.crm.action_rules import is_tenant_run
from tasks.crm.adapter import CrmAction
from tasks.crm.adapters import adapter_of
from tasks.crm.followupboss import read, verify_followupboss
from tasks.crm.followupboss.custom_fields import custom_of, is_ours
from tasks.crm.followupboss.notes_and_tasks import OUR_NOTE
from tasks.crm.followupboss.reader import DELETIONS, EVENTS, NO_MEANING
from tasks.crm.followupboss.requests import LONGEST_TASK, possible, request_of, why_not
from tasks.intake.errors import EventRefused
from tasks.intake.parsed_event import IgnoredEvent, ParsedEvent, ReaderContext
from tests.support.markdown import blocks

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETUP = ReaderContext(tenant_id="T1", now=NOW, received_at=NOW)
FUB = adapter_of("followupboss")
WORDS, LONG = "Dear & short.\n\nBye,\nus", "word " * 60
DUE = {"dueDateTime": "2025-03-04T17:00:00Z"}


def asked(action: str, settings=None, **changed):
    told = {
        "contact_id": "12",
        "text": WORDS,
        "title": "Title",
        "due_at": datetime(2025, 3, 4, 12, tzinfo=timezone(timedelta(hours=-5))),
        "assigned_to": "31",
    }
    return request_of(CrmAction(action=action, **(told | changed), settings=settings or {}))


def fub(method: str, path: str, body):
    return {"provider": "followupboss", "method": method, "path": path, "body": body, "headers": {}}


def task(kind: str, **user):
    return fub("POST", "/tasks", {"personId": 12, "name": f"Title: {WORDS}", "type": kind, **DUE, **user})


AGENT = {"assignedUserId": 31}
#: without anything that a tenant has set up
BARE = {
    "call_task": task("Call", **AGENT),
    "sms": task("Text", **AGENT),
    "email": task("Email", **AGENT),
    "market_report": task("Email", **AGENT),
    "home_valuation": task("Email", **AGENT),
    "listing_alert": task("Email", **AGENT),
    "price_drop_alert": task("Text", **AGENT),
    "showing_invite": task("Text", **AGENT),
    "open_house_invite": task("Email", **AGENT),
    "lender_intro": task("Email", **AGENT),
    "concern_reply": task("Email", **AGENT),
    "agent_reassign": task("Follow Up"),
    "manager_escalation": task("Follow Up"),
    "event_invite": task("Email", **AGENT),
    "incentive": task("Email", **AGENT),
    "reengagement_drip": None,
    "pause_automation": fub("PUT", "/people/12?mergeTags=true", {"tags": ["ml:pause_automation"]}),
    "suppress": fub("PUT", "/people/12?mergeTags=true", {"tags": ["ml:do_not_contact"]}),
}


def test_the_golden_table_is_whole() -> None:
    assert list(BARE) == list(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_is_a_request_or_says_why_not(action) -> None:
    assert asked(action) == BARE[action]
    assert (why_not(action, contact_id="12", text="Text", settings={}) is None) == (BARE[action] is not None)


def test_nothing_is_sent_in_hearths_name() -> None:
    paths = {asked(action, text=text)["path"] for action in ACTIONS if BARE[action] for text in (WORDS, LONG)}
    assert paths == {"/tasks", "/notes", "/people/12?mergeTags=true"}


@pytest.mark.parametrize("action", ["sms", "email"])
def test_what_a_task_cannot_hold_is_a_note_with_all_of_it(action) -> None:
    subject = f"{OUR_NOTE}Title"
    assert asked(action, text=LONG) == fub("POST", "/notes", {"personId": 12, "subject": subject, "body": LONG})


def test_the_note_is_recognised_when_it_comes_back() -> None:
    body = asked("email", text=f"{LONG} Reply STOP to unsubscribe.")["body"]
    found = read({"event": "notesCreated", "eventId": "e1", "notes": [{"id": 7, **body}]}, SETUP)
    assert found == IgnoredEvent(type="notesCreated", code="own_echo", key="id:e1:7")


def test_a_task_of_people_has_a_name_that_it_can_hold() -> None:
    assert asked("call_task", text=LONG)["body"]["name"] == "Title"
    assert len(asked("call_task", title="t" * 400)["body"]["name"]) == LONGEST_TASK


@pytest.mark.parametrize("action", [name for name in ACTIONS if name not in ("suppress", "pause_automation")])
def test_a_tenants_action_plan_goes_first_and_then_its_tag(action) -> None:
    both = {"workflows": {action: "77"}, "tags": {action: "win back"}}
    assert asked(action, both) == fub("POST", "/actionPlansPeople", {"personId": 12, "actionPlanId": 77})
    assert asked(action, {"tags": {action: "win back"}}) == fub(
        "PUT", "/people/12?mergeTags=true", {"tags": ["win back"]}
    )
    assert is_tenant_run(action, both)


def test_no_action_plan_stands_in_for_leaving_a_lead_alone() -> None:
    settings = {"workflows": {"suppress": "77"}, "tags": {"suppress": "Do not contact"}}
    assert asked("suppress", settings)["body"] == {"tags": ["Do not contact"]}
    assert not is_tenant_run("suppress", settings)


def test_users_are_known_by_id_or_by_name() -> None:
    users = {"users": {"manager": "4", "reassign_to": "5"}}
    assert asked("manager_escalation", users)["body"]["assignedUserId"] == 4
    assert asked("agent_reassign", users) == fub("PUT", "/people/12", {"assignedUserId": 5})
    # it is theirs already: somebody is to decide
    assert asked("agent_reassign", users, assigned_to="5")["body"]["assignedUserId"] == 4
    assert asked("call_task", assigned_to="Marit Solberg")["body"]["assignedTo"] == "Marit Solberg"
    assert not {"assignedTo", "assignedUserId"} & asked("call_task", assigned_to=None)["body"].keys()


@pytest.mark.parametrize(
    ("action", "changed", "code"),
    [
        ("call_task", {"contact_id": None}, "no_contact_id"),
        ("sms", {"text": None}, "no_text"),
        ("reengagement_drip", {}, "no_workflow"),
        ("carrier_pigeon", {}, "unknown_action"),
    ],
)
def test_what_has_no_request_says_why(action, changed, code) -> None:
    assert asked(action, **changed) is None
    assert FUB.why_not(action, **({"contact_id": "12", "text": "Text"} | changed), settings={}) == code


def test_ids_cannot_leave_their_place_in_the_path() -> None:
    assert asked("suppress", contact_id="../users/1?x=")["path"] == "/people/..%2Fusers%2F1%3Fx%3D?mergeTags=true"


def test_a_time_without_a_zone_is_no_due_date() -> None:
    with pytest.raises(ValueError, match="zone"):
        asked("call_task", due_at=datetime(2025, 3, 4))


def test_all_that_the_policy_proposes_has_a_request() -> None:
    assert possible({}) == set(ACTIONS) - {"reengagement_drip"}
    need = Need(lead_id="1", as_of=NOW, probability=0.9, level="critical", threshold=14.0, lead_type="both")
    told = dict.fromkeys(("negative_sentiment", "missed_appointments", "delayed_decisions", "external_factors"), 0.9)
    needs = [replace(need, indicators=told), replace(need, neglected=True), replace(need, terminal=True)]
    found = [one for each in needs for one in options(propose(each, allowed_actions=possible({})))]
    assert {CATALOGUE.actions[one.action].writes for one in found} == {"sms", "email", "task", "note"}
    assert all(asked(one.action, text=one.text, title=one.title) for one in found)


def test_fields_are_written_back_under_the_names_that_the_tenant_maps() -> None:
    mapped = {"custom_fields": {"customMlScore": "ml:score", "customWhy": "ml:reason", "cfOther": "ml:band"}}
    values = {"ml:score": 87, "ml:reason": None, "ml:band": "hot"}
    request = FUB.write_back("12", values, mapped)  # type: ignore[arg-type]
    assert request == fub("PUT", "/people/12", {"customMlScore": 87, "customWhy": None})
    assert FUB.write_back("12", values, {"custom_fields": {"cfOther": "ml:band"}}) is None  # type: ignore[arg-type]
    found = custom_of(request["body"], ReaderContext(tenant_id="T1", now=NOW, received_at=NOW, **mapped))
    assert (found.custom, sorted(found.ours)) == ({}, ["ml:reason", "ml:score"])


def test_the_api_is_called_as_its_documents_say() -> None:
    api = FUB.api
    assert api is not None
    alone, system = api.authorization("fka_1"), api.authorization("fka_1:Example:s3:cret")
    assert base64.b64decode(alone["Authorization"].removeprefix("Basic ")) == b"fka_1:"
    assert (len(alone), system["X-System"], system["X-System-Key"]) == (1, "Example", "s3:cret")
    url = httpx.URL(f"{api.base_url}{asked('suppress')['path']}")
    assert (url.host, url.path, dict(url.params)) == ("api.followupboss.com", "/v1/people/12", {"mergeTags": "true"})
    assert api.is_idempotent(asked("suppress"))
    assert not any(api.is_idempotent(asked(action)) for action in ("sms", "call_task"))
    assert not api.is_idempotent(asked("sms", {"workflows": {"sms": "7"}}))
    assert api.remaining({"x-ratelimit-remaining": "8"}).in_window == 8
    assert api.remaining({"x-ratelimit-remaining": "many"}).in_window is None
    # the least of the limits that it publishes: notes
    assert api.per_window / api.window <= 1


#: over `BODY`, by `openssl base64 -A | openssl dgst -sha256 -hmac KEY`
BODY = (
    b'{"eventId":"e1","event":"peopleUpdated","resourceIds":[12],"uri":"https://api.followupboss.com/v1/people?id=12"}'
)
KEY, SIGNATURE = "560270f7914b5b4a", "6dc36685e14d49a5c3862f39a7e059112f9978d50855b01c7b6e1e1adc868526"
HEADER = {"FUB-Signature": SIGNATURE}


@pytest.mark.parametrize(
    "headers",
    [
        HEADER,
        {"fub-signature": f" {SIGNATURE.upper()} "},
        [(b"content-type", b"application/json"), (b"fub-signature", SIGNATURE.encode())],
    ],
)
def test_a_signature_of_a_known_system_key_is_good(headers) -> None:
    assert verify_followupboss(BODY, headers, ["other", KEY])


@pytest.mark.parametrize(
    ("body", "headers", "keys"),
    [
        (BODY + b" ", HEADER, [KEY]),
        (BODY, HEADER, ["other"]),
        (BODY, HEADER, []),
        (BODY, HEADER, [""]),
        (BODY, {}, [KEY]),
        (BODY, {"FUB-Signature": ""}, [KEY]),
        (BODY, {"FUB-Signature": SIGNATURE[:-1]}, [KEY]),
        (BODY, {"FUB-Signature": "é" * 64}, [KEY]),
        (BODY, [("FUB-Signature", SIGNATURE), ("fub-signature", SIGNATURE)], [KEY]),
        # over the body itself, as it is not done
        (BODY, {"FUB-Signature": "f74be55717ec3aed12cb4cea33e570471e37d4353ab74094451864674457a757"}, [KEY]),
    ],
)
def test_in_doubt_a_signature_is_bad(body, headers, keys) -> None:
    assert not verify_followupboss(body, headers, keys)


def test_the_events_of_the_page_are_read() -> None:
    page = (Path(__file__).parents[4] / "docs" / "crms.md").read_text(encoding="utf-8")
    told = [json.loads(block.text) for block in blocks(page) if block.language == "json"]
    found = [read(event, SETUP) for event in told if "sender" not in event]
    assert [one.type for one in found if isinstance(one, ParsedEvent)] == ["peopleUpdated", "Property Inquiry"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=10), part, max_size=4),
    max_leaves=12,
)
NAMES = ["id", "personId", "tags", "emails", "phones", "stage", "stageId", "price", "created", "updated", "isIncoming"]
NAMES += ["message", "body", "note", "outcome", "people", "invitees", "start", "status", "type", "person", "occurred"]
NAMES += ["customField", "addresses", "deleted", "background", "property", "subject", "enteredStageAt", "doNotCall"]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(sorted({*EVENTS, *DELETIONS, *NO_MEANING, "other"})), st.dictionaries(st.sampled_from(NAMES), JSON)
)
def test_no_event_breaks_the_reader(event: str, told: dict[str, object]) -> None:
    resource = {"id": 1, "personId": 2, **told}
    for raw in (
        {"event": event, "eventId": "e1", "resourceIds": [1], EVENTS.get(event, "people"): [resource], "data": told},
        {"event": event, **told},
        {"type": "Registration", **told},
    ):
        with suppress(EventRefused):
            found = read(raw, SETUP)
            assert isinstance(found, ParsedEvent | IgnoredEvent)
            assert not isinstance(found, ParsedEvent) or found.at <= NOW


@pytest.mark.parametrize(("name", "ours"), [("ml:hot", True), ("ML:x", True), ("mls", False), ("Malta", False)])
def test_what_is_ours(name: str, ours: bool) -> None:
    assert is_ours(name) is ours


@pytest.mark.parametrize("message", [{}, {"direction": "outbound"}, {"isIncoming": False}])
def test_only_what_a_lead_wrote_is_read_as_its_own_words(message) -> None:
    text = {"id": 1, "personId": 2, "message": "Reply STOP to opt out of these messages", **message}
    found = read({"event": "textMessagesCreated", "textMessages": [text]}, SETUP)
    assert isinstance(found, ParsedEvent)
    assert {one.decision for one in found.lead.statements} <= {"doubtful"}
    assert bool(message) == (found.lead.statements == ())
