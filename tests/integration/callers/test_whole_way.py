"""A manager's own export of three CRMs, from the file to the list of today, by command: the same numbers are told."""

import json
import re

import pytest

from db.repositories.predictions import predictions
from db.session import reading
from tests.support import exports
from workers.base.settings import settings
from workers.cli.base.client import client
from workers.cli.base.database import database

pytestmark = pytest.mark.cluster("callers")

PEOPLE = exports.people(620, seed=3)
WON = sum(person.won for person in PEOPLE if person.closed_at is not None)
LOST = sum(not person.won for person in PEOPLE if person.closed_at is not None)
OPEN = len(PEOPLE) - WON - LOST
#: who said no, in each CRM's own words
SAID_NO = {person.number for person in PEOPLE if person.number % 10 == 3}
#: events about one lead that an assessment may cause
OF_ONE_LEAD = {"band.changed", "threshold.crossed", "risk.changed", "action.planned"}


def refusing(rows, column, yes, no):
    """The rows of an export with a column about consent."""
    return [row | {column: yes if person.number in SAID_NO else no} for row, person in zip(rows, PEOPLE, strict=True)]


def pipedrive(persons):
    """Rows of a Pipedrive-like export of deals."""
    return [
        {
            "Deal - ID": str(70_000 + person.number),
            "Deal - Title": f"deal {person.number}",
            "Deal - Contact person": f"Sim{person.number} Person{person.number}",
            "Deal - Status": "Open" if person.closed_at is None else "Won" if person.won else "Lost",
            "Deal - Stage": "Talking",
            "Deal - Value": str(person.budget),
            "Deal - Deal created": person.created_at.strftime("%Y-%m-%d %H:%M:%S"),
            "Deal - Deal closed on": "" if person.closed_at is None else person.closed_at.strftime("%Y-%m-%d %H:%M:%S"),
            "Deal - Last activity date": person.active_at.strftime("%Y-%m-%d"),
            "Deal - Source channel": person.source,
            "Person - Email": f"sim{person.number}@example.com",
            "Timeline": person.timeline,
        }
        for person in persons
    ]


#: lead status -> what it stands for, which only the brokerage knows
MAPPING = """
[label]
column = "Lead Status"
positive = ["Connected"]
negative = ["Unqualified"]
open = ["In Progress"]
"""
# tenant, rows, mapping, what the export's id begins with
CRMS = [
    ("own-hubspot", refusing(exports.hubspot(PEOPLE), "Do Not Contact", "Yes", ""), MAPPING),
    pytest.param(
        "own-highlevel",
        refusing(exports.highlevel(PEOPLE), "DND", "true", "false"),
        "",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        "own-pipedrive",
        refusing(pipedrive(PEOPLE), "Person - Marketing status", "No contact", "Subscribed"),
        "",
        marks=pytest.mark.slow,
    ),
]


def number_of(external_id):
    return int(re.search(r"\d+", external_id)[0]) % 10_000 % 9_000


@pytest.fixture
def ask(hearth):
    """One JSON object of a command; `code` is how it must end."""

    def run(*args, code=0):
        done = hearth(*args, "--json")
        assert done.exit_code == code, (args, done.stdout, done.stderr)
        return json.loads(done.stdout)

    return run


def events(tenant):
    """All outbound events of a tenant."""
    with client(tenant) as caller:
        told, cursor = [], 0
        while batch := caller.call("hearth.outbound.pull", cursor=cursor, limit=200)["events"]:
            told, cursor = told + batch, batch[-1]["cursor"]
    return told


def lead_ids_at_risk(tenant):
    """The leads that are likeliest to go cold."""
    with database(settings()), reading(tenant) as session:
        risks = predictions.latest(session, tenant, kind="churn")
    return [risk.lead_id for risk in sorted(risks, key=lambda risk: -risk.probability)[:60]]


@pytest.mark.parametrize(("tenant", "rows", "mapping"), CRMS)
def test_from_the_file_to_the_list(ask, tmp_path, tenant, rows, mapping):
    path = str(exports.write(tmp_path / "export.csv", rows))
    (tmp_path / "mapping.toml").write_text(mapping)
    given = ("--mapping", str(tmp_path / "mapping.toml")) if mapping else ()
    labels, usable = {"won": WON, "lost": LOST, "open": OPEN}, {"won": WON, "lost": LOST, "left_out": {}}

    # file, preview, dry run, import, readiness: the same numbers
    shown = ask("backfill", path, "--tenant", tenant, "--mode", "preview", *given)
    ask("tenant", "create", tenant)
    tried = ask("backfill", path, "--tenant", tenant, "--mode", "dry_run", *given)
    loaded = ask("backfill", path, "--tenant", tenant, *given)
    ready = ask("tenant", "readiness", tenant)
    assert shown["labels"] == tried["labels"] == loaded["labels"] == labels
    assert shown["usable"] == tried["usable"] == loaded["usable"] == ready["usable"] == usable
    assert {name: ready["leads"][name] for name in labels} == labels
    # the schedule may read consent again meanwhile
    assert [event["type"] for event in events(tenant) if event["type"] != "consent.reread"] == ["backfill.finished"]

    # train: it promotes or says exactly why not
    trained = ask("train", "lead_score", "--tenant", tenant)
    assert (trained["rows"], trained["left_out"]) == (WON + LOST, {})
    assert (trained["promoted"], bool(trained["reason"])) == (True, True)

    # assess, worklist, card: open leads only, and none of those who said no
    ask("assess", "--tenant", tenant, "--all")
    listed = ask("worklist", "--tenant", tenant, "--top", "50")
    people = {person.number: person for person in PEOPLE}
    numbers = [number_of(lead["external_id"]) for lead in listed["leads"]]
    assert listed["leads"]
    assert all(people[number].closed_at is None for number in numbers)
    assert SAID_NO.isdisjoint(numbers)
    top = listed["leads"][0]
    card = ask("card", "--tenant", tenant, top["external_id"])
    assert (card["lead_id"], card["score"]["probability"]) == (top["lead_id"], top["probability"])
    assert card["contactable"] is True

    # plan: the first waits for a yes, and nobody is told of single leads
    with client(tenant) as caller:
        at_risk = caller.call("hearth.interventions.plan", lead_ids=lead_ids_at_risk(tenant))
        waits = caller.call("hearth.interventions.waiting", waiting_for="plan")["plan"]
    assert (at_risk["planned"], at_risk["dispatched"]) == (0, 0)
    assert waits["actions"] > 0
    told = [event["type"] for event in events(tenant)]
    assert OF_ONE_LEAD.isdisjoint(told)
    assert (told.count("model.promoted"), told.count("plan.waiting")) == (1, 1)

    # the yes: what was shown goes out, once
    said = ask("interventions", "release", "--tenant", tenant, "--by", "ada.quill", "--yes")
    assert said["actions"] == waits["actions"]
    assert ask("interventions", "release", "--tenant", tenant, "--by", "ada.quill", "--yes")["changed"] is False
