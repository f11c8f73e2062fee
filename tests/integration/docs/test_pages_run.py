"""Every command block of the pages as it stands, from top to bottom, in a fresh checkout beside a running cluster.

What is not run stands in `tests.support.page_rules.RULES` with the reason.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from celery import Celery

from tests.support.commands import ROOT, living, wait_until
from tests.support.page_rules import Needs, NoCommands, NotRun, Prints, Rule, Sent, Stays, Step, pages, steps
from tests.support.page_shell import Running, Terminal, environment
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.slow, pytest.mark.cluster("pages"), pytest.mark.timeout(900)]

VENV = Path(sys.prefix)
LEAD = {"source_system": "crm", "external_id": "C-1", "email": "ada.larkmoor@example.com", "timeline": "0-3"}


@dataclass
class Checkout:
    """A fresh copy of the project, its environment linked, and what was started in it."""

    root: Path
    terminals: Path
    running: dict[str, Running] = field(default_factory=dict)

    def terminal(self, page: str) -> Terminal:
        return Terminal(self.root, self.terminals / Path(page).stem, environment(VENV))

    def broker(self) -> str:
        """The address of the cluster's broker."""
        return str(json.loads((self.root / ".hearth" / "cluster.json").read_text())["redis_url"])

    def start(self, terminal: Terminal, command: str, stays: Stays) -> None:
        """Start a command that stays, unless one of its name runs."""
        if stays.name not in self.running:
            self.running[stays.name] = terminal.leave_running(command, ready=stays.ready)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Iterator[Checkout]:
    folder = tmp_path_factory.mktemp("pages")
    root = folder / "hearth"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    (root / ".venv").symlink_to(VENV)
    fresh = Checkout(root, folder / "terminals")
    yield fresh
    with ExitStack() as stopping:
        for running in fresh.running.values():
            stopping.callback(running.stop)
    assert not living(root)


@pytest.mark.parametrize("page", pages())
def test_the_page_runs_from_top_to_bottom(checkout, page):
    told = steps(page)
    terminal, stayed = checkout.terminal(page), set(checkout.running)
    try:
        _prepare(checkout, terminal, page)
        for step in told:
            _follow(checkout, terminal, page, step)
    finally:
        terminal.close()
        # the cluster serves the pages that follow
        for name in set(checkout.running) - stayed - {"cluster"}:
            checkout.running.pop(name).stop()


def _follow(checkout: Checkout, terminal: Terminal, page: str, step: Step) -> None:
    rule = step.rule
    if isinstance(rule, NotRun | NoCommands) or not _can_run(rule):
        return
    try:
        if isinstance(rule, Stays):
            checkout.start(terminal, step.text, rule)
        elif isinstance(rule, Sent):
            SENT[rule.how](checkout, json.loads(step.text))
        else:
            printed = _run(terminal, step)
            wanted = rule.text if isinstance(rule, Prints) else ""
            assert wanted in printed, f"{step.text}\n{printed[-3000:]}\nit did not print {wanted!r}"
    except AssertionError as failure:
        raise pytest.fail.Exception(f"{page}:{step.line}: {failure}", pytrace=False) from None


def _can_run(rule: Rule | None) -> bool:
    return not isinstance(rule, Needs) or any(map(shutil.which, rule.programs))


def _run(terminal: Terminal, step: Step) -> str:
    match step.language:
        case "shell":
            return terminal.run(step.text)
        case "python":
            return terminal.python(f"\n{step.text}\n")
        case "javascript":
            return terminal.javascript(step.text)
        case _:
            # test_page_rules reads what is JSON only
            return ""


def _prepare(checkout: Checkout, terminal: Terminal, page: str) -> None:
    """What the reader of a page has: a running cluster, except where the page starts it."""
    if page != "README.md":
        checkout.start(terminal, ".venv/bin/hearth up", Stays(ready="Flower    http", name="cluster"))
    if page in PREPARED:
        PREPARED[page](checkout, terminal)


def _quickstart(checkout: Checkout, terminal: Terminal) -> None:
    """The reader comes from the quickstart: the shell has the broker's address, and the tenant a lead."""
    terminal.run(f"export REDIS_URL={checkout.broker()}")
    _call(checkout.broker(), "acme", "tenants.configure", settings={"name": "Acme Homes"})
    _call(checkout.broker(), "acme", "leads.upsert", leads=[LEAD])


def _call(url: str, tenant_id: str, task: str, **kwargs: object) -> dict:
    with Celery("crm", broker=url, backend=url, set_as_current=False) as crm:
        sent = crm.send_task(f"hearth.{task}", kwargs={"tenant_id": tenant_id, **kwargs}, queue="ingest")
        return sent.get(timeout=60)


#: variable -> the command that lists what it names one of, the list in its answer, and the name there
WAITING = (
    ("HELD", "quarantine list", "messages", "id"),
    ("DEAD", "outbound dead --tenant refused", "dead", "event_id"),
)


def _listed(terminal: Terminal, command: str) -> dict:
    return json.loads(terminal.run(f".venv/bin/hearth {command} --json"))


def _held(checkout: Checkout, terminal: Terminal) -> None:
    """A message that no worker can run, and an event that a receiver refuses; the shell has their ids."""
    url, receiver = checkout.broker(), Receiver()
    receiver.plan = lambda event: (404, {})
    settings = {"callback": {"kind": "webhook", "url": receiver.url, "secret": "s" * 32}}
    try:
        with Celery("crm", broker=url, backend=url, set_as_current=False) as crm:
            crm.send_task("crm.of_next_year", kwargs={"tenant_id": "acme"}, queue="inference")
        _call(url, "refused", "tenants.configure", settings=settings)
        _call(url, "refused", "leads.upsert", leads=[LEAD])
        for name, listed, rows, key in WAITING:
            assert wait_until(lambda listed=listed, rows=rows: _listed(terminal, listed)[rows], 60), listed
            terminal.run(f"export {name}={_listed(terminal, listed)[rows][0][key]}")
    finally:
        receiver.close()


def _message(checkout: Checkout, message: dict) -> None:
    """Push a message as "By hand" says, with an id of its own, and read its answer."""
    task_id = str(uuid4())
    text = json.dumps(message, ensure_ascii=False).replace(message["headers"]["id"], task_id)
    with redis.Redis.from_url(checkout.broker()) as client:
        client.lpush(message["properties"]["delivery_info"]["routing_key"], text)
        assert wait_until(lambda: client.get(f"celery-task-meta-{task_id}"), 30), "no answer"
        answer = json.loads(client.get(f"celery-task-meta-{task_id}"))
    kwargs = json.loads(base64.b64decode(message["body"]))[1]
    assert answer["result"]["data"]["echo"] == kwargs["echo"]


SENT = {"message": _message}
PREPARED = {"docs/callers.md": _quickstart, "docs/reliability.md": _held}
