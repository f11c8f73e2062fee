"""What each page's blocks need to be run by a test, and which of them are not run, with the reason."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.markdown import Block, blocks

ROOT = Path(__file__).parents[2]
SHELL = ("", "sh", "bash", "shell")


@dataclass(frozen=True, slots=True)
class NotRun:
    """It cannot be run by this test; `why` may name the test that does."""

    why: str


@dataclass(frozen=True, slots=True)
class NoCommands:
    """A whole block that holds no commands, named by its first line; `why` may name the test that uses it."""

    why: str


@dataclass(frozen=True, slots=True)
class Stays:
    """It runs until it is stopped; it is at work once it has printed `ready`."""

    ready: str
    #: of a name that was started before, the first goes on: one cluster serves all pages
    name: str


@dataclass(frozen=True, slots=True)
class Needs:
    """It runs where one of these programs is on PATH."""

    programs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prints:
    """It runs, and prints this."""

    text: str


@dataclass(frozen=True, slots=True)
class Sent:
    """JSON that is sent as the page says: the name of a function of the test."""

    how: str


Rule = NotRun | NoCommands | Stays | Needs | Prints | Sent

UP = Stays(ready="Flower    http", name="cluster")

#: page -> what it has in place of the reader's own -> what stands there in the test
PLACEHOLDERS: Mapping[str, Mapping[str, str]] = {
    "README.md": {
        "backfill leads.csv": "backfill examples/leads.csv",
        # it asks the person at the terminal
        "interventions release ": "interventions release --yes ",
        # docs/quickstart.md loads the same file into the tenant acme
        "--tenant acme": "--tenant readme",
    },
    "docs/quickstart.md": {},
    "docs/callers.md": {"REDIS_URL=redis://… ": ""},
    # 8080 may be taken on the machine of a test
    "docs/receiver.md": {"127.0.0.1:8080": "127.0.0.1:$HEARTH_GATEWAY_PORT"},
    "docs/operations.md": {},
    "docs/gateway.md": {
        "127.0.0.1:8080": "127.0.0.1:$HEARTH_GATEWAY_PORT",
        "key rotate KEY": 'key rotate "$GATEWAY_KEY_ID"',
        "key revoke KEY": 'key revoke "$GATEWAY_KEY_ID"',
    },
    "docs/reliability.md": {
        "quarantine show ID [--reveal]": 'quarantine show "$HELD" --reveal',
        "quarantine replay ID": 'quarantine replay "$HELD"',
        "quarantine drop ID": 'quarantine drop "$HELD"',
        "outbound dead --tenant T": "outbound dead --tenant refused",
        "outbound replay ID --tenant T": 'outbound replay "$DEAD" --tenant refused',
        "[--tenant T]": "--tenant acme",
    },
}

#: page -> how a block, or a line of a shell block, begins -> its rule. What has none is run and must end well
RULES: Mapping[str, Mapping[str, Rule]] = {
    "README.md": {
        "make test": NotRun("runs the tests themselves"),
        ".venv/bin/hearth up": UP,
        "workers/   processes": NoCommands("the folders of the project"),
        "make demo": Prints("the demo's cluster has stopped"),
    },
    "docs/quickstart.md": {
        ".venv/bin/hearth up": UP,
        "(cd examples/callers/node ": Needs(("npm",)),
        "(cd examples/callers/python && ../../../.venv/bin/python": Prints("refused InvalidPayload"),
        'answer = call("hearth.leads.score"': Prints("scorecard"),
        ".venv/bin/hearth train lead_score --tenant acme": Prints("lead_score-0001"),
        "(cd examples/callers/python && ../../../.venv/bin/celery": Stays(ready="lead_scored", name="the CRM's worker"),
    },
    "docs/callers.md": {
        "npm install celery-node@0.5.9": Needs(("npm",)),
        "import celery": Needs(("npm",)),
        "(cd examples/callers/go ": Needs(("go",)),
        "broker := gocelery.NewRedisBroker(pool)": NoCommands("an excerpt of examples/callers/go/main.go"),
        "(cd examples/callers/php ": Needs(("composer",)),
        "$client = new": NoCommands("an excerpt of examples/callers/php/call.php"),
        "REDIS_URL=redis://… examples/callers/redis-cli/call.sh": Needs(("redis-cli", "valkey-cli")),
        '{"body": ': Sent("message"),
    },
    "docs/receiver.md": {
        ".venv/bin/hearth gateway": Stays(ready="listening on", name="gateway"),
        ".venv/bin/python examples/receiver/send_sample.py send http://127.0.0.1:8080": Prints("200"),
        ".venv/bin/pip install uvicorn": NotRun("an ASGI server is no part of Hearth: nothing is loaded for a test"),
        "REDIS_URL=redis://… .venv/bin/uvicorn": NotRun("tests/integration/events/test_receiver.py does that"),
        ".venv/bin/python examples/receiver/send_sample.py send http://127.0.0.1:8090": NotRun("no ASGI server runs"),
        "curl ": Needs(("curl",)),
    },
    "docs/gateway.md": {
        ".venv/bin/hearth gateway": Stays(ready="listening on", name="gateway"),
        "curl ": Needs(("curl",)),
        'curl -sS --fail-with-body "$GATEWAY_URL/v1/tasks/hearth.leads.score?wait=20"': Prints('"probability"'),
        'curl -sS --fail-with-body "$GATEWAY_URL/v1/tasks/$TASK': Prints('"state":"done"'),
        "TASK=$(curl ": Needs(("curl",)),
        "examples/callers/http/curl.sh": Prints('"probability"'),
        "node ": Needs(("node",)),
        "php ": Needs(("php",)),
        "printf ": Prints("75fe4b56586011028168c9f1b853186c75c268d2a38c8af754d0055acf7f5ec6"),
        'curl -sS "$GATEWAY_URL/healthz"': Prints('"ok":true'),
        "Authorization: Bearer": NoCommands("what a header says"),
        "X-Hearth-Key: ": NoCommands("what two headers say"),
    },
    "docs/operations.md": {},
    "docs/reliability.md": {},
}


@dataclass(frozen=True, slots=True)
class Step:
    """A command, or a whole block of another language."""

    #: line of the page, from 1
    line: int
    language: str
    text: str
    #: what names it in RULES; None: no rule does
    key: str | None
    rule: Rule | None


def pages() -> list[str]:
    """The pages of the table that are there."""
    return [page for page in RULES if (ROOT / page).exists()]


def steps(page: str) -> list[Step]:
    """Everything that stands in a page's blocks, in its order; a line of comments is nothing."""
    return [step for block in blocks((ROOT / page).read_text(encoding="utf-8")) for step in _steps(page, block)]


def filled(page: str, text: str) -> str:
    """A text of a page with the test's own in place of what the reader puts there."""
    for placeholder, ours in PLACEHOLDERS.get(page, {}).items():
        text = text.replace(placeholder, ours)
    return text


def _steps(page: str, block: Block) -> Iterator[Step]:
    rules, first = RULES[page], _key(page, block.text)
    if block.language not in SHELL or isinstance(rules.get(first), NoCommands):
        yield Step(block.line, block.language or "text", filled(page, block.text), first, rules.get(first))
        return
    for line, command in _commands(block):
        key = _key(page, command)
        yield Step(line, "shell", filled(page, command), key, rules.get(key))


def _key(page: str, text: str) -> str | None:
    """The longest of the page's keys with which a command or a block begins."""
    return max((key for key in RULES[page] if text.startswith(key)), key=len, default=None)


def _commands(block: Block) -> Iterator[tuple[int, str]]:
    """The commands of a block, each with the line of the page on which it begins."""
    begun: list[str] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if begun or (line.strip() and not line.lstrip().startswith("#")):
            begun.append(line)
        if begun and _is_complete("\n".join(begun)):
            yield number - len(begun) + 1, "\n".join(begun)
            begun = []
    assert not begun, f"line {block.line}: no shell reads {begun[0]!r}"


def _is_complete(command: str) -> bool:
    read = subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False)
    return read.returncode == 0 and not read.stderr and not command.endswith("\\")
