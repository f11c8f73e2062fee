"""`hearth sender`: what is unsure is told to a person, who sends it again or says what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from db.encryption import KeyRing
from db.records import InterventionRecord
from tests.support.highlevel import HighLevel, Reaction
from tests.support.interventions import T, at_risk, proofs
from tests.support.sender import Desk, handed_over_now, reports, run_reports, state
from workers.base.database import bind
from workers.base.settings import settings
from workers.cli import main

Run = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def hearth(database: str, test_keyring: KeyRing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command against the test's database, which it leaves unbound."""
    facts = {"DATABASE_URL": database, "HEARTH_KEYS": test_keyring.dump(), "HEARTH_HOME": str(tmp_path / "home")}
    for name, value in facts.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()

    def run(*arguments: str, fails: bool = False) -> Any:
        result = CliRunner().invoke(main, ["sender", *arguments, "--tenant", T, "--json"])
        bind(settings())
        assert bool(result.exit_code) == fails, result.output
        return result.output if fails else json.loads(result.stdout)

    yield run
    settings.cache_clear()


@pytest.fixture
def unsure(desk: Desk, highlevel: HighLevel) -> InterventionRecord:
    action = handed_over_now(desk, "notes")
    answers = iter([Reaction(status=500)])
    highlevel.react = lambda *_: next(answers, None)
    desk.serve()
    assert state(action) == ("unsure", "http.500")
    return action


def test_what_is_unsure_is_listed_and_can_be_sent_again(
    desk: Desk, hearth: Run, highlevel: HighLevel, unsure: InterventionRecord
) -> None:
    [listed] = hearth("list", "--state", "unsure")["entries"]
    assert (listed["action_id"], listed["code"]) == (unsure.action_id, "http.500")
    assert hearth("status")["actions"] == {"unsure": 1}
    hearth("resend", unsure.action_id, "--by", "ada.quill")
    desk.at(datetime.now(UTC) + timedelta(seconds=1))
    desk.serve()
    assert state(unsure) == ("sent", None)
    assert len(highlevel.taken) == 1
    [proof] = proofs("sender")
    assert (proof["did"], proof["actor"], proof["was"]) == ("resent", "ada.quill", "unsure")
    assert "nothing to decide" in hearth("resend", unsure.action_id, fails=True)


@pytest.mark.parametrize(
    ("said", "outcome", "ends"), [("--sent", "executed", "sent"), ("--not-sent", "rejected", "refused")]
)
def test_a_person_says_what_became_of_it(
    hearth: Run, unsure: InterventionRecord, said: str, outcome: str, ends: str
) -> None:
    hearth("settle", f"action:{unsure.action_id}", said, "--by", "ada.quill")
    assert state(unsure) == (ends, "settled")
    assert reports() == [(outcome, unsure.action_id)]
    run_reports()


def test_the_status_names_the_tenant_s_trouble(desk: Desk, hearth: Run, highlevel: HighLevel) -> None:
    desk.handed_over(at_risk(), "call_task")
    highlevel.token = "another"
    desk.serve()
    told = hearth("status")
    assert (told["enabled"], told["trouble"], told["events_behind"]) == (True, "http.401", 0)
    assert told["actions"] == {"pending": 1}
