"""Which tasks a command may run by itself, and what it imports for that."""

import json
import subprocess
import sys

import pytest

from tasks.runtime import registry
from tests.support.commands import HEARTH, ROOT, environment
from workers.app import app
from workers.cli.base.client import QUERIES, Reader

#: they ask of a cluster, or load every reader of messages
OF_WORKERS = {"hearth.system.ping", "hearth.system.status", "hearth.conversations.analyze"}
#: each takes longer to import than a list of calls may take
HEAVY = ("sklearn", "scipy", "redis", "psycopg", "alembic", "matplotlib", "jinja2")


def test_every_public_task_that_only_reads_and_no_other_may_run_in_a_command():
    public = registry.public_contracts()
    reading = {name for name in public if app.tasks[name].kind == "query"}
    assert set(QUERIES) == reading - OF_WORKERS


@pytest.mark.parametrize("task", QUERIES)
def test_each_is_declared_where_the_table_says(task):
    registry.load()
    assert app.tasks[task].__module__ == QUERIES[task]


def test_a_task_that_writes_is_refused_before_it_runs():
    with pytest.raises(KeyError):
        Reader("acme").call("hearth.leads.score", lead_ids=["1"])


@pytest.mark.parametrize("task", ["hearth.leads.worklist", "hearth.leads.card", "hearth.interventions.report"])
def test_what_only_training_and_a_broker_need_is_not_imported(task):
    modules = ("workers.cli.leads.scores", "workers.cli.interventions.interventions", QUERIES[task])
    code = f"import json, sys, {', '.join(modules)}; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_where_nothing_was_imported_yet_nothing_is_made(tmp_path):
    home = tmp_path / "home"
    done = subprocess.run(
        [*HEARTH, "worklist", "--tenant", "x"],
        cwd=ROOT,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: unknown tenant; ")
    assert done.stdout == ""
    assert not home.exists()
