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
        # docs/quickstart.md loads the same file into the tenant acme
        "--tenant acme": "--tenant readme",
    },
    "docs/quickstart.md": {},
    "docs/callers.md": {"REDIS_URL=redis://… ": ""},
    "docs/receiver.md": {"LOC1": "acme"},
    "docs/operations.md": {},
    "docs/reliability.md": {
        "quarantine show ID [--reveal]": 'quarantine show "$HELD" --reveal',
        "quarantine replay ID": 'quarantine replay "$HELD"',
        "quarantine drop ID": 'quarantine drop "$HELD"',
        "outbound replay ID": 'outbound replay "$DEAD"',
        "[--tenant T]": "--tenant acme",
    },
}

#: page -> first line of a block, or a line of a shell block -> its rule. What has none is run and must end well
RULES: Mapping[str, Mapping[str, Rule]] = {
    "README.md": {
        "make test": NotRun("runs the tests themselves"),
        ".venv/bin/hearth up": UP,
        "workers/   processes: cluster, broker, supervisor, command line; the only reader of the environment": NoCommands(
            "the folders of the project"
        ),
        "make demo": Prints("the demo's cluster has stopped"),
    },
    "docs/quickstart.md": {
        ".venv/bin/hearth up": UP,
        "(cd examples/callers/node && npm ci && node client.js crm-node)": Needs(("npm",)),
        "(cd examples/callers/python && ../../../.venv/bin/python call.py crm-python)": Prints("refused InvalidPayload"),
        ".venv/bin/hearth train lead_score --tenant acme": Prints("lead_score-0001"),
        "(cd examples/callers/python && ../../../.venv/bin/celery -A crm worker --queues crm --pool solo)": Stays(
            ready="lead_scored", name="the CRM's worker"
        ),
    },
    "docs/callers.md": {
        "npm install celery-node@0.5.9": Needs(("npm",)),
        'import celery from "celery-node";': Needs(("npm",)),
        "(cd examples/callers/go && go mod tidy && go run . acme)": Needs(("go",)),
        "broker := gocelery.NewRedisBroker(pool)": NoCommands("an excerpt of examples/callers/go/main.go"),
        "(cd examples/callers/php && composer install && php call.php acme)": Needs(("composer",)),
        "$client = new \\Celery\\Celery($host, '', $password, '0', 'inference', 'inference', $port, 'redis');": NoCommands(
            "an excerpt of examples/callers/php/call.php"
        ),
        "examples/callers/redis-cli/call.sh inference hearth.system.ping '{\"echo\": \"shell\"}'": Needs(
            ("redis-cli", "valkey-cli")
        ),
        '{"body": "W1tdLHsiZWNobyI6ImhpIn0se31d", "content-encoding": "utf-8", "content-type": "application/json",': Sent(
            "message"
        ),
    },
    "docs/receiver.md": {},
    "docs/operations.md": {
        "# hearth-watch@.service, for hearth-worker@inference.service and its like": NoCommands("systemd's"),
    },
    "docs/reliability.md": {
        "CREATE ROLE hearth_owner LOGIN PASSWORD '…' NOBYPASSRLS;": NoCommands(
            "tests/support/databases.py makes the roles of every test on PostgreSQL by it"
        ),
    },
}


@dataclass(frozen=True, slots=True)
class Step:
    """A command, or a whole block of another language."""

    #: line of the page, from 1
    line: int
    language: str
    text: str
    #: what names it in RULES
    key: str
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
    rules, first = RULES[page], _key(block.text)
    if block.language not in SHELL or isinstance(rules.get(first), NoCommands):
        yield Step(block.line, block.language or "text", filled(page, block.text), first, rules.get(first))
        return
    for line, command in _commands(block):
        yield Step(line, "shell", filled(page, command), _key(command), rules.get(_key(command)))


def _key(text: str) -> str:
    """The first line, without the comment behind it."""
    return text.splitlines()[0].partition("  #")[0].strip()


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
