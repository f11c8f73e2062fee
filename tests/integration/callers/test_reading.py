"""Commands that only read: without a cluster they answer what they answer with one, and start none."""

import json
import subprocess

import pytest
from click.testing import CliRunner

from tests.support.commands import HEARTH, OURS, ROOT, environment, living, wait_until
from workers.base.settings import settings
from workers.cli import main
from workers.cli.base.client import client

pytestmark = pytest.mark.cluster("callers")

TENANT = "readers"
WHO = ("--tenant", TENANT)
LEADS = [
    {
        "external_id": f"R-{number}",
        "source_system": "readers",
        "email": f"r{number}@example.com",
        "created_at": f"2026-0{number}-01T00:00:00Z",
        "lead_type": "buyer",
        "source": "Website",
        "opt_in_call": True,
    }
    for number in range(1, 6)
]
COMMANDS = [
    ("worklist",),
    ("card", "R-1"),
    ("models", "list"),
    ("score", "--top", "3"),
    ("interventions", "report"),
    ("interventions", "list"),
    ("interventions", "list", "--lead", "R-2"),
    ("report", "value"),
    ("privacy", "doubts"),
]
REFUSED = [
    ("worklist", "--tenant", "nobody"),
    ("card", *WHO, "R-99"),
    ("interventions", "report", "--tenant", "nobody"),
]
#: what follows from the moment of the question
OF_THE_MOMENT = {"as_of", "since", "not_before", "due_by", "why_now"}


def still(value):
    """A JSON value without what changes by the second."""
    if isinstance(value, dict):
        return {name: still(inner) for name, inner in value.items() if name not in OF_THE_MOMENT}
    return [still(inner) for inner in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def assessed(hearth):
    with client(TENANT) as caller:
        caller.call("hearth.tenants.configure", settings={}, actor="test")
        caller.call("hearth.leads.upsert", leads=LEADS)
    done = hearth("assess", *WHO, "--all")
    assert done.exit_code == 0, done.stderr


@pytest.fixture(scope="module")
def alone(home, tmp_path_factory):
    """Settings of a home without a cluster, on the database and with the keys of the one that runs."""
    return {
        "HEARTH_HOME": str(tmp_path_factory.mktemp("alone")),
        "DATABASE_URL": f"sqlite:///{home / 'hearth.db'}",
        "HEARTH_KEYS": (home / "keys").read_text(),
    }


@pytest.fixture
def without_cluster(alone, monkeypatch):
    """Runs a command in this process, in the home without a cluster."""

    def run(*args):
        with monkeypatch.context() as patch:
            for name in OURS:
                patch.delenv(name, raising=False)
            for name, value in alone.items():
                patch.setenv(name, value)
            settings.cache_clear()
            done = CliRunner().invoke(main, args, prog_name="hearth")
        settings.cache_clear()
        return done

    return run


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_answer_is_that_of_a_cluster(hearth, assessed, without_cluster, command):
    answers = []

    def agree():
        answers[:] = [ask(*command, *WHO, "--json") for ask in (hearth, without_cluster)]
        theirs, ours = (still(json.loads(answer.stdout)) for answer in answers)
        return ours == theirs

    # planning follows an assessment and may change what is next between two questions
    assert wait_until(agree, 60), [still(json.loads(answer.stdout)) for answer in answers]
    assert [answer.exit_code for answer in answers] == [0, 0]
    assert answers[1].stderr == ""


@pytest.mark.parametrize("command", REFUSED, ids=" ".join)
def test_a_refusal_is_that_of_a_cluster(hearth, assessed, without_cluster, command):
    theirs, ours = hearth(*command), without_cluster(*command)
    assert (ours.exit_code, ours.stdout, ours.stderr) == (theirs.exit_code, theirs.stdout, theirs.stderr)
    assert ours.exit_code == 1


def test_the_stored_scores_leave_out_who_objected(hearth, assessed, without_cluster):
    def ranked():
        done = without_cluster("score", "--top", "9", *WHO, "--json")
        return {lead["external_id"] for lead in json.loads(done.stdout)["leads"]}

    assert "R-5" in ranked()
    done = hearth("privacy", "restrict", *WHO, "--lead", "R-5", "--objected", "--reason", "objection")
    assert done.exit_code == 0, done.stderr
    assert ranked() == {"R-1", "R-2", "R-3", "R-4"}


def test_no_process_is_started(assessed, alone, tmp_path):
    more = {**alone, "HEARTH_HOME": str(tmp_path / "home")}
    command = [*HEARTH, "worklist", *WHO]
    done = subprocess.run(
        command, cwd=ROOT, env={**environment(tmp_path), **more}, capture_output=True, text=True, check=True
    )
    assert "R-1" in done.stdout
    assert "private one" not in done.stderr
    assert not living(tmp_path)
    assert list(tmp_path.rglob("*")) == []
