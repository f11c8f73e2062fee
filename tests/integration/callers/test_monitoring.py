"""Models are checked by a running cluster: several in parallel, and their page is written."""

import json

import pytest

from domain.drift import CHECKED
from tests.support.commands import wait_until
from tests.support.training import lead
from workers.cli.base.client import client

pytestmark = pytest.mark.cluster("callers")
TENANT = "monitored"


@pytest.fixture(scope="module")
def scored(hearth):
    """A tenant whose leads the scorecard scores: it has no reference, and no label yet."""
    with client(TENANT) as caller:
        caller.call("hearth.tenants.configure", settings={"timezone": "America/New_York"})
        ids = caller.call("hearth.leads.upsert", leads=[lead(number) for number in range(30)])["lead_ids"]
        caller.call("hearth.leads.score", lead_ids=ids)
        caller.call("hearth.churn.predict", lead_ids=ids)
    return len(ids)


def test_a_chord_of_checks_leaves_a_row_of_each_model(hearth, scored):
    def checked():
        with client(TENANT) as caller:
            return {found["kind"]: found for found in caller.call("hearth.drift.report")["checks"]}

    with client(TENANT) as caller:
        started = caller.call("hearth.drift.check")
    assert started == {"checks": [], "started": list(CHECKED)}
    assert wait_until(lambda: set(checked()) == {"lead_score", "churn"}, 60), "no online learner has learnt anything"
    found = checked()["lead_score"]
    assert (found["scored"], found["labels"], found["action"]) == (scored, 0, "none")
    assert 0 < found["estimate"]["brier"] < 0.25


def test_the_command_checks_and_writes_its_page(hearth, scored, tmp_path):
    page = tmp_path / "models.html"
    told = hearth("models", "monitor", "--tenant", TENANT, "--check", "--html", str(page), "--json")
    assert told.exit_code == 0, told.output
    data = json.loads(told.stdout)
    assert {check["kind"] for check in data["checks"]} == {"lead_score", "churn"}
    assert data["findings"] == []
    assert "Lead score" in page.read_text()
    shown = hearth("models", "monitor", "--tenant", TENANT)
    assert "newest check" in shown.stdout
