"""Follow Up Boss through the task that takes every CRM's events: every event it reads, every trap, and what follows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.crm.followupboss.reader import DELETIONS, EVENTS
from tasks.privacy.rights import forget
from tests.integration.events.test_golden import play
from tests.support.followupboss import lead_at_risk, text
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


@pytest.fixture
def lead_id(sqlite_database: str, workspace_folder: Path) -> str:
    brokerage()
    return lead_at_risk()


def test_an_action_goes_out_to_the_crm_that_the_lead_came_from(lead_id: str) -> None:
    action = only(only(planned(NOON, lead_id, crm="followupboss", allowed_actions=["call_task"])).actions)
    request = action.detail["crm"]
    assert (request["provider"], request["path"], request["method"]) == ("followupboss", "/tasks", "POST")
    assert request["body"]["personId"] == 7101
    assert request["body"]["assignedUserId"] == 31
    assert request["body"]["name"].startswith(action.detail["title"])


def test_an_action_of_another_crm_does_not_name_the_person(lead_id: str) -> None:
    action = only(only(planned(NOON, lead_id, allowed_actions=["call_task"])).actions)
    assert action.detail["crm"] is None


def test_who_says_stop_gets_nothing_but_to_be_left_alone(lead_id: str) -> None:
    text(3, "Stop texting me", NOON - DAY, incoming=True)
    plan = only(planned(NOON, lead_id, crm="followupboss"))
    assert {action.action for action in plan.actions} <= {"suppress", "pause_automation"}


@pytest.mark.usefixtures("lead_id")
def test_nothing_comes_in_of_a_person_who_was_forgotten() -> None:
    forget(tenant_id=T, external_ids=[{"external_id": "7101", "source_system": "followupboss"}])
    assert text(4, "Hello again", NOON, incoming=True)["ignored_by"] == {"forgotten": 1}
