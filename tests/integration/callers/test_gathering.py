"""A worker gathers what waits for its tenant's turn: few commits, an answer each, and nothing lost with a child."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import text

from db import session
from db.session import EVERY_TENANT, reading
from tasks.events import ingest
from tests.support.processes import of_home, settings_of, until
from workers.app import app
from workers.base import database
from workers.cluster.embedded import attach

pytestmark = pytest.mark.cluster("callers")

T = "gathered"
MESSAGES = 120


@pytest.fixture(scope="module")
def worker(home: Path) -> Iterator[psutil.Process]:
    """The main process of the real workers that take events; this process is on their broker and database."""
    settings = settings_of(home)
    assert attach(settings)
    database.bind(settings)
    send("hearth.tenants.configure").get(timeout=60)
    mains = [one for one in of_home(home) if any(word.startswith("interactive@") for word in one.cmdline())]
    (main,) = [one for one in mains if one.parent() not in mains]
    yield main
    session.dispose()


def send(task: str, **kwargs: Any) -> Any:
    return app.send_task(task, kwargs={"tenant_id": T, **kwargs})


def told(run: str, number: int) -> dict[str, Any]:
    event = {"id": f"{run}-{number}", "lead": {"external_id": f"{run}-{number}"}, "kind": "listing_view"}
    return {"provider": "generic", "events": [event]}


def flood(run: str) -> list[Any]:
    """Send many messages at once, one of them bad."""
    bad = {"provider": "carrier pigeon", "events": [{}]}
    messages = [told(run, number) if number else bad for number in range(MESSAGES)]
    # a sender that knows the task writes its limits into each message
    return [send(ingest.name, **message) for message in messages]


@contextmanager
def frozen(worker: psutil.Process) -> Iterator[None]:
    """Nobody takes a message: what is sent waits, however slow the sender."""
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


def answers(sent: list[Any]) -> list[Any]:
    return [result.get(timeout=90, propagate=False) for result in sent]


def stored(what: str, run: str) -> int:
    wanted = {
        "leads": "SELECT count(*) FROM leads WHERE external_id LIKE :run",
        "events": "SELECT count(*) FROM events WHERE source_id LIKE :run",
        "commits": "SELECT count(DISTINCT finished_at) FROM processed WHERE task = 'hearth.events.ingest'",
    }[what]
    with reading(EVERY_TENANT) as opened:
        return int(opened.execute(text(wanted), {"run": f"{run}-%"} if ":run" in wanted else {}).scalar_one())


def test_what_waits_shares_commits_and_each_has_its_answer(worker: psutil.Process) -> None:
    before = stored("commits", "")
    with frozen(worker):
        sent = flood("a")
    bad, *good = answers(sent)
    assert type(bad).__name__ == "InvalidPayload"
    assert [(answer["task_id"], answer["data"]["accepted"]) for answer in good] == [(one.id, 1) for one in sent[1:]]
    assert not any("duplicate" in answer for answer in good)
    assert (stored("leads", "a"), stored("events", "a")) == (MESSAGES - 1, MESSAGES - 1)
    assert stored("commits", "") - before < MESSAGES / 2


def test_a_child_that_is_killed_loses_none_and_repeats_none(worker: psutil.Process) -> None:
    children = worker.children()
    sent = flood("b")
    until(lambda: stored("leads", "b"))
    for child in children:
        os.kill(child.pid, signal.SIGKILL)
    _, *good = answers(sent)
    assert [answer["data"]["accepted"] for answer in good] == [1] * (MESSAGES - 1)
    assert (stored("leads", "b"), stored("events", "b")) == (MESSAGES - 1, MESSAGES - 1)
