from __future__ import annotations

import hashlib
from datetime import timedelta
from importlib import resources

import pytest

from domain.interventions import ACTIONS, INTERVENTIONS, REASONS
from ml.errors import CatalogueError, MlError
from ml.interventions.catalogue import CATALOGUE, load_catalogue

TEXT = (resources.files("ml.interventions") / "catalogue.toml").read_text("utf-8")
#: a change of the data is a new version: write the new one beside the old ones
VERSIONS = {"1": "8b6cd8cfea86c5dad6a16955989c98439ce2744acfd0daa82a20a7a006cc7446"}


def test_the_shipped_catalogue_holds_what_the_domain_names() -> None:
    assert (len(INTERVENTIONS), len(ACTIONS)) == (10, 18)
    assert set(CATALOGUE.interventions) == set(INTERVENTIONS)
    assert set(CATALOGUE.actions) == set(ACTIONS)


def test_a_change_of_the_data_is_a_new_version() -> None:
    assert VERSIONS.get(CATALOGUE.version) == hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.mark.parametrize("name", INTERVENTIONS)
def test_people_can_act_without_consent_and_messages_without_people(name: str) -> None:
    channels = {CATALOGUE.actions[action].channel for action in CATALOGUE.interventions[name].actions}
    assert channels & {"call", "internal"}
    assert channels & {"sms", "email"}


def test_each_indicator_and_action_leads_somewhere() -> None:
    used = {action for one in CATALOGUE.interventions.values() for action in one.actions}
    decided = {action for one in CATALOGUE.situations.values() for action in one.actions}
    assert used | decided == set(ACTIONS)
    assert {reason for reason in REASONS if ":" not in reason} <= {
        reason for reason, supported in CATALOGUE.supports.items() if supported
    }


def test_who_refused_is_only_left_in_peace() -> None:
    assert {CATALOGUE.actions[name].channel for name in CATALOGUE.situations["terminal"].actions} == {"internal"}
    assert "suppress" not in {action for one in CATALOGUE.interventions.values() for action in one.actions}


def test_times_and_costs_are_read() -> None:
    market_report = CATALOGUE.actions["market_report"]
    assert (market_report.delay, market_report.lasting) == (timedelta(hours=12), timedelta(days=7))
    assert CATALOGUE.actions["suppress"].cost == 0
    assert all(action.delay < action.lasting for action in CATALOGUE.actions.values())


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, old
    return TEXT.replace(old, new)


SMS = '[actions.sms]\nchannel = "sms"'
WRONG = {
    "no TOML": ("[[[", "is no TOML"),
    "nothing": ("", "version: is missing"),
    "an unknown table": (TEXT + "\n[more]\n", "more: is not known here"),
    "no version": (changed('version = "1"', 'version = " "'), "version: is blank"),
    "a number as version": (changed('version = "1"', "version = 1"), "version: cannot be 1"),
    "least of nothing": (changed("least = 0.15", "least = 0"), "least: must be a number from 1e-06 to 10"),
    "no number": (changed("least = 0.15", "least = true"), "least: must be a number"),
    "not finite": (changed("least = 0.15", "least = nan"), "least: must be a number"),
    "an action too few": (changed("[actions.sms]", "[actions.smoke]"), "actions.smoke: is not known here"),
    "an unknown channel": (changed(SMS, SMS.replace('"sms"', '"fax"')), "actions.sms.channel: 'fax' is not one of"),
    "a text message by phone": (changed(SMS, SMS.replace('"sms"', '"call"')), "actions.sms.writes: 'sms' is not one"),
    "a cost below nothing": (changed("cost = 20\n", "cost = -1\n"), "actions.incentive.cost: must be a number"),
    "a level too few": (changed("low = 0, medium", "medium"), "urgency.levels.low: is missing"),
    "an unknown stage": (changed('"showing", "offer"', '"show"'), "urgency.late_stages.1: 'show' is not one of"),
    "a reason nobody has": (
        changed("negative_sentiment = 1.2", "negative_mood = 1.2"),
        "interventions.concern_addressing.reasons.negative_mood: is not known here",
    ),
    "an unknown action": (
        changed('["email", "event_invite", "call_task"]', '["email", "event", "call_task"]'),
        "interventions.social_proof.actions.1: 'event' is not one of",
    ),
    "an action twice": (
        changed('["email", "event_invite", "call_task"]', '["email", "email", "call_task"]'),
        "interventions.social_proof.actions: names something twice",
    ),
    "messages only": (
        changed('["email", "event_invite", "call_task"]', '["email", "event_invite"]'),
        "interventions.social_proof.actions: must hold one of people",
    ),
    "a message to one who refused": (
        changed('["suppress", "pause_automation"]', '["suppress", "email"]'),
        "situations.terminal.actions: must be what people do",
    ),
    "a situation without an action": (
        changed('["suppress", "pause_automation"]', "[]"),
        "situations.terminal.actions: needs an intervention and an action",
    ),
    "a text too few": (
        changed('social_proof = "How we work"', ""),
        "wording.subject.social_proof: is missing",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_its_place(case: str) -> None:
    text, told = WRONG[case]
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(text)
    assert told in str(caught.value)
    assert isinstance(caught.value, MlError)


def test_a_tenant_narrows_the_actions_and_names_its_costs() -> None:
    own = CATALOGUE.for_tenant({"allowed_actions": ["sms", "call_task"], "costs": {"sms": 0.01, "email": 3}})
    assert set(own.actions) == {"sms", "call_task"}
    assert own.actions["sms"].cost == 0.01
    assert own.actions["call_task"] == CATALOGUE.actions["call_task"]


def test_what_a_tenant_forbids_goes_before_what_it_allows() -> None:
    own = CATALOGUE.for_tenant({"allowed_actions": ["sms", "call_task"], "forbidden_actions": ["sms"]})
    assert set(own.actions) == {"call_task"}


def test_a_catalogue_that_differs_says_so_in_its_version() -> None:
    first, again, other = (
        CATALOGUE.for_tenant({"costs": costs}).version
        for costs in ({"sms": 1, "email": 2}, {"email": 2, "sms": 1}, {"sms": 1, "email": 3})
    )
    assert first == again
    assert len({CATALOGUE.version, first, other}) == 3
    assert first.startswith(f"{CATALOGUE.version}+")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"allowed_actions": None, "costs": None},
        {"costs": {"carrier_pigeon": 3}},
        {"costs": {"sms": float("nan"), "email": -1}},
        {"allowed_actions": [*ACTIONS, "carrier_pigeon"]},
    ],
)
def test_settings_that_change_nothing_are_no_new_version(settings: dict[str, object]) -> None:
    assert CATALOGUE.for_tenant(settings) is CATALOGUE
