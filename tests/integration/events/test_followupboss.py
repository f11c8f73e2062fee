"""Follow Up Boss through the task that takes every CRM's events: every event it reads, every trap, and what follows."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from db.repositories.leads import leads
from db.session import EVERY_TENANT, reading
from tasks.crm.followupboss.reader import DELETIONS, EVENTS
from tasks.events import ingest
from tasks.privacy.rights import forget
from tests.integration.events.test_golden import play
from tests.support.interventions import DAY, NOON, T, brokerage, only, planned

FOLDER = Path(__file__).parents[2] / "golden" / "followupboss"
FIXTURES = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.json"))}


@pytest.mark.parametrize("name", FIXTURES)
@pytest.mark.usefixtures("database")
def test_a_lead_stands_as_the_events_of_the_fixture_say(name: str) -> None:
    assert play(f"FUB-{name}", FIXTURES[name], "followupboss") == []


def test_every_event_that_is_read_has_a_fixture() -> None:
    told = {
        event.get("event")
        for text in FIXTURES.values()
        for call in json.loads(text)["calls"]
        for event in call["events"]
        if isinstance(event, dict)
    }
    # these are read as another of the same collection
    unseen = {"emEventsClicked", "callsUpdated"}
    assert {*EVENTS, *DELETIONS} - unseen <= told


def came(event: str, resource: dict[str, Any], at: datetime) -> dict[str, Any]:
    collection = EVENTS[event]
    told = {"eventId": f"{event}-{at.isoformat()}", "event": event, "eventCreated": at.isoformat()}
    raw = {**told, "resourceIds": [resource["id"]], collection: [resource]}
    answer = ingest(tenant_id=T, provider="followupboss", events=[raw], received_at=at.isoformat())["data"]
    assert (answer["invalid"], answer["duplicates"]) == ([], 0)
    return dict(answer)


def text(number: int, message: str, at: datetime, *, incoming: bool) -> dict[str, Any]:
    resource = {"id": number, "personId": 7101, "message": message, "isIncoming": incoming, "created": at.isoformat()}
    return came("textMessagesCreated", resource, at)


def lead_at_risk() -> str:
    """A person who wrote 40 days ago, was written to, and has been silent since."""
    brokerage()
    person = {"id": 7101, "firstName": "Ottilie", "lastName": "Brandt", "stage": "Hot Prospect", "type": "Buyer"}
    person |= {"emails": [{"value": "ottilie@example.com"}], "phones": [{"value": "212 555 0142"}]}
    person |= {"assignedUserId": 31, "addresses": [{"state": "NY"}], "created": (NOON - 120 * DAY).isoformat()}
    came("peopleCreated", person, NOON - 41 * DAY)
    text(1, "Is the loft still there?", NOON - 40 * DAY, incoming=True)
    text(2, "It is! When can you come?", NOON - 39 * DAY, incoming=False)
    with reading(EVERY_TENANT) as session:
        return str(leads.find(session, T, external_id="7101", source_system="followupboss"))


@pytest.mark.usefixtures("sqlite_database", "workspace_folder")
def test_an_action_goes_out_to_the_crm_that_the_lead_came_from() -> None:
    lead_id = lead_at_risk()
    action = only(only(planned(NOON, lead_id, crm="followupboss", allowed_actions=["call_task"])).actions)
    request = action.detail["crm"]
    assert (request["provider"], request["path"], request["method"]) == ("followupboss", "/tasks", "POST")
    assert request["body"]["personId"] == 7101
    assert request["body"]["assignedUserId"] == 31
    assert request["body"]["name"].startswith(action.detail["title"])


@pytest.mark.usefixtures("sqlite_database", "workspace_folder")
def test_an_action_of_another_crm_does_not_name_the_person() -> None:
    action = only(only(planned(NOON, lead_at_risk(), allowed_actions=["call_task"])).actions)
    assert action.detail["crm"] is None


@pytest.mark.usefixtures("sqlite_database", "workspace_folder")
def test_who_says_stop_gets_nothing_but_to_be_left_alone() -> None:
    lead_id = lead_at_risk()
    text(3, "Stop texting me", NOON - DAY, incoming=True)
    plan = only(planned(NOON, lead_id, crm="followupboss"))
    assert {action.action for action in plan.actions} <= {"suppress", "pause_automation"}


@pytest.mark.usefixtures("sqlite_database", "workspace_folder")
def test_nothing_comes_in_of_a_person_who_was_forgotten() -> None:
    lead_at_risk()
    forget(tenant_id=T, external_ids=[{"external_id": "7101", "source_system": "followupboss"}])
    assert text(4, "Hello again", NOON, incoming=True)["ignored_by"] == {"forgotten": 1}
