"""`hearth models show VERSION --card FILE`: a version trained a moment ago, as a page."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from db.repositories import tenants
from db.session import EVERY_TENANT, transaction
from tasks.leads.upsert import upsert
from tasks.models import train_model
from tests.support.pages.document import Document
from tests.support.pages.model_records import SECTIONS
from workers.base.settings import settings
from workers.cli import main

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
NOW = datetime.now(UTC)


def closed(number):
    return {
        "external_id": f"L{number}",
        "lead_type": "buyer",
        "created_at": (NOW - timedelta(days=40)).isoformat(),
        "as_of": (NOW - timedelta(days=2)).isoformat(),
        "showings": 3 if number % 2 else 0,
        "custom": {
            "Pool <wanted>": "yes" if number % 3 else "no",
            "City": f"town {number % 4}",
            "Age": 30 + number % 40,
        },
        "label": (number * 7919) % 10 < (6 if number % 2 else 2),
        "label_at": (NOW - timedelta(days=1)).isoformat(),
    }


@pytest.fixture
def hearth(database, test_keyring, tmp_path, monkeypatch):
    """Runs a command on this test's database, where a version is trained."""
    for name, value in {"DATABASE_URL": database, "HEARTH_KEYS": test_keyring.dump(), "HEARTH_HOME": tmp_path}.items():
        monkeypatch.setenv(name, str(value))
    settings.cache_clear()
    with transaction(EVERY_TENANT) as session:
        tenants.configure(session, "acme", settings={}, actor="test", now=NOW)
    upsert(tenant_id="acme", leads=[closed(number) for number in range(240)])
    assert train_model(tenant_id="acme", kind="lead_score")["data"]["version"] == "lead_score-0001"
    yield lambda *args: CliRunner().invoke(main, ["models", "show", *args, "--tenant", "acme"], prog_name="hearth")
    settings.cache_clear()


def test_the_card_of_a_trained_version_tells_everything(hearth, tmp_path):
    path = tmp_path / "card.html"
    done = hearth("lead_score-0001", "--card", str(path))
    assert done.exit_code == 0, done.output
    assert "lead_score-0001 of acme" in done.stdout
    document = Document(path.read_text(encoding="utf-8"))
    assert "recorded" not in document.all("main")[0].text.replace("what the CRM recorded", "")
    assert [section.attributes["id"] for section in document.all("section")] == list(SECTIONS)
    assert "Leads 240" in document.told("data")
    assert "Pool <wanted>" in document.told("features")


def test_a_card_that_cannot_be_written_is_told_in_one_line(hearth, tmp_path):
    done = hearth("lead_score-0001", "--card", str(tmp_path / "nowhere" / "card.html"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    missing = hearth("lead_score-0099", "--card", str(tmp_path / "card.html"))
    assert missing.exit_code == 1
    assert not (tmp_path / "card.html").exists()


def test_the_columns_and_what_can_be_known_are_told_in_the_terminal_and_as_json(hearth):
    shown = hearth("lead_score-0001").stdout
    assert "what moves scores" in shown
    assert "Refused by law: protected attributes, and where a person lives" in shown
    assert "custom:" not in shown
    told = json.loads(hearth("lead_score-0001", "--json").stdout)
    assert sum(each["share"] for each in told["importance"]) == pytest.approx(1)
    assert "showings and offers" in {each["meaning"] for each in told["importance"]}
    refused = {each["column"]: each for each in told["refused"]}
    assert refused["City"]["kind"] == refused["Age"]["kind"] == "law"
    assert refused["City"]["reason"] == "city: where a person lives"
    assert told["observed"] == {"before": 240, "same_moment": 0, "after": 0, "known_before_outcome": True}
    assert told["probe"]["complete"]
    assert told["probe"]["probed"] == len(told["report"]["features"])
    assert told["warnings"] == []
