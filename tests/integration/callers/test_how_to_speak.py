"""The whole way of a message: HighLevel tells of it, the lead is scored again, list and card say how to speak to it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from db.models import MessageAnalysis, Prediction
from db.session import EVERY_TENANT, reading
from tests.support.commands import wait_until
from workers.base.settings import settings
from workers.cli.base.client import client
from workers.cli.base.database import database

pytestmark = pytest.mark.cluster("callers")

TENANT = "LOC-SPEAK"
WHO = ("--tenant", TENANT)
NOW = datetime.now(UTC)
SAID = {
    "glad": "We love the house and the garden is wonderful, we are so excited! Our limit is $450k. Is the school near?",
    # the quoted rest is ours: it may bring neither a tone nor a refusal
    "quoting": "Our limit is $300k.\n\nOn Monday, your agent wrote:\n> We are so angry!\n> Reply STOP to opt out",
    "spanish": "Hola, la casa nos gusta y nuestro límite es de $400,000. ¿Podemos verla el sábado a las 4?",
    "silent": None,
}


def contact(name):
    return {
        "type": "ContactCreate",
        "locationId": TENANT,
        "webhookId": f"c-{name}",
        "id": name,
        "email": f"{name}@example.com",
        "source": "Website",
        "timezone": "America/New_York",
        "dateAdded": (NOW - timedelta(hours=3)).isoformat(),
        "timestamp": (NOW - timedelta(hours=3)).isoformat(),
    }


def message(name, text):
    said = {"messageType": "SMS", "direction": "inbound", "body": text, "dateAdded": NOW.isoformat()}
    who = {"contactId": name, "messageId": f"m-{name}", "webhookId": f"m-{name}"}
    return {"type": "InboundMessage", "locationId": TENANT, **who, **said}


@pytest.fixture(scope="module")
def ask(hearth):
    """One JSON object of a command."""

    def run(*args):
        done = hearth(*args, *WHO, "--json")
        assert done.exit_code == 0, (args, done.stdout, done.stderr)
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def listed(ask):
    """The rows of the worklist by name, once every message was read and its lead was scored again."""
    with client(TENANT) as caller:
        caller.call("hearth.tenants.configure", settings={"timezone": "America/New_York"}, actor="test")
        caller.call("hearth.events.ingest", events=[contact(name) for name in SAID])
        told = [message(name, text) for name, text in SAID.items() if text]
        caller.call("hearth.events.ingest", events=told, signature_verified=True)
    rows = {}

    def is_told():
        rows.update({row["external_id"]: row for row in ask("worklist")["leads"]})
        tones = {name: row["tone"] for name, row in rows.items()}
        return len(rows) == len(SAID) and all(tones.values()) and tones["glad"]["state"] is not None

    assert wait_until(is_told, 90), rows
    return rows


def told_of(ask, name):
    return ask("card", name)["personalization"]


def test_the_list_tells_tone_stage_time_and_suggestion(listed):
    glad = listed["glad"]
    assert glad["tone"]["state"] in {"excited", "confident"}
    assert 0 < glad["tone"]["confidence"] <= 1
    assert glad["journey"]["moved"] in {"first", "same", "up"}
    assert glad["send_window"]["zone"] == "America/New_York"
    assert glad["suggestion"]["text"]
    silent = listed["silent"]
    assert (silent["tone"]["status"], silent["tone"]["why_not"]) == ("insufficient_data", "no_messages")
    assert silent["suggestion"]["text"]


def test_a_point_to_speak_of_names_the_message_it_comes_from(ask, hearth, listed):
    points = {point["code"]: point for point in told_of(ask, "glad")["talking_points"]}
    budget = points["budget"]
    assert budget["fact"] == {"kind": "budget", "value": [None, 450_000.0], "bound": "max"}
    event_id = budget["source"]["event_id"]
    shown = hearth("card", *WHO, "glad").stdout
    assert "how to speak to it" in shown
    assert f"(from event {event_id}) [rule]" in shown
    assert "[model]" in shown
    assert "garden" not in json.dumps(told_of(ask, "glad")), "no word of a message is repeated"


def test_quoted_words_are_not_the_leads(ask, listed):
    told = told_of(ask, "quoting")
    assert told["tone"]["state"] not in {"angry", "disappointed"}
    assert {point["code"] for point in told["talking_points"]} >= {"budget"}
    assert ask("card", "quoting")["consent"]["channels"]["sms"] != "refused"


def test_another_language_has_no_tone_and_its_money_and_dates_are_read(ask, hearth, listed):
    told = told_of(ask, "spanish")
    assert (told["tone"]["status"], told["tone"]["state"]) == ("insufficient_data", None)
    facts = {point["code"]: point["fact"] for point in told["talking_points"]}
    assert facts["budget"]["value"][1] == 400_000.0
    visit = datetime.fromisoformat(facts["visit_time"]["value"])
    assert (visit.strftime("%A"), visit.hour) == ("Saturday", 16)
    assert "insufficient data" in hearth("card", *WHO, "spanish").stdout


def test_who_objects_shows_nothing_and_who_is_forgotten_leaves_nothing(ask, listed):
    lead_id = listed["glad"]["lead_id"]
    ask("privacy", "restrict", "--lead", lead_id, "--objected")
    assert told_of(ask, "glad") is None
    ask("privacy", "forget", "--lead", lead_id, "--yes")
    with database(settings()), reading(EVERY_TENANT) as session:
        for model in (MessageAnalysis, Prediction):
            mine = select(model).where(model.tenant_id == TENANT, model.lead_id == lead_id)
            assert session.execute(mine).first() is None, model.__name__
        others = select(MessageAnalysis.lead_id).where(MessageAnalysis.tenant_id == TENANT)
        assert len(session.execute(others).all()) == 2
    assert "glad" not in {row["external_id"] for row in ask("worklist")["leads"]}
