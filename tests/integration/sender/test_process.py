"""The process `python -m workers.delivery.sender`: killed between its request and the record, and a dry run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from db.encryption import KeyRing
from db.models import CrmSend, CrmSender
from db.session import EVERY_TENANT, transaction
from tests.support.highlevel import HighLevel, Reaction
from tests.support.interventions import T
from tests.support.processes import ROOT, environment, until
from tests.support.sender import Desk, entry, handed_over_now, state

pytestmark = pytest.mark.usefixtures("database")


@contextmanager
def process(facts: dict[str, str], home: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "workers.delivery.sender", *options]
    with subprocess.Popen(
        command, env=environment(home) | facts, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


@pytest.fixture
def facts(database: str, test_keyring: KeyRing, token_file: Path, highlevel: HighLevel) -> dict[str, str]:
    return {
        "DATABASE_URL": database,
        "HEARTH_KEYS": test_keyring.dump(),
        "HEARTH_SENDER_TOKENS": str(token_file.parent),
        "HEARTH_SENDER_BASE_URL": highlevel.url,
        "HEARTH_WEBHOOK_LOOPBACK": "1",
    }


def much_later() -> None:
    """As if the hold of the request and the lease of its sender had ended."""
    past = datetime.now(UTC) - timedelta(hours=1)
    with transaction(EVERY_TENANT) as session:
        session.execute(update(CrmSend).where(CrmSend.state == "sending").values(claimed_until=past))
        session.execute(update(CrmSender).values(held_until=past))


@pytest.mark.parametrize(("request_of", "requests"), [("notes", 1), ("tags", 2)])
def test_killed_between_request_and_record(
    desk: Desk, highlevel: HighLevel, facts: dict[str, str], tmp_path: Path, request_of: str, requests: int
) -> None:
    """A note is sent once and becomes unsure; a tag, which does no harm twice, is sent again."""
    much_later()
    handed_over = handed_over_now(desk, request_of)
    highlevel.react = lambda *_: Reaction(status=201, hang=60.0)
    with process(facts, tmp_path):
        until(lambda: highlevel.taken, patience=120)
    assert entry(handed_over).state == "sending"
    highlevel.react = lambda *_: None
    much_later()
    desk.at(datetime.now(UTC) + timedelta(seconds=60))
    desk.serve()
    desk.later(60)
    desk.serve()
    assert state(handed_over) == (("unsure", "lost") if requests == 1 else ("sent", None))
    assert len(highlevel.taken) == requests


def test_a_dry_run_prints_requests_without_values_and_sends_nothing(
    desk: Desk, highlevel: HighLevel, facts: dict[str, str], tmp_path: Path, token_file: Path
) -> None:
    token = token_file.read_text().strip()
    handed_over = handed_over_now(desk, "notes")
    with process(facts, tmp_path, "--dry-run") as running:
        assert running.stdout is not None
        line = next(line for line in running.stdout if line.startswith(f"{T} "))
    assert line.split() == [
        *(T, f"action:{handed_over.action_id}", "POST", "/contacts/ct1/notes"),
        *("pause_automation", "body"),
    ]
    assert token not in line
    assert not highlevel.seen
    desk.at(datetime.now(UTC))
    desk.serve()
    assert state(handed_over) == ("sent", None)
