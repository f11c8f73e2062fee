"""Names typed in several places mean the same: tasks, routes, schedule, contracts."""

import ast
from pathlib import Path

import pytest

import celeryconfig
from tasks.contracts import PUBLIC
from workers.bootstrap import app

REGISTERED = sorted(name for name in app.tasks if name.startswith("hearth."))
OURS = {"workers", "tasks", "ml", "db", "migrations"}


def test_every_public_contract_is_a_task_of_that_contract():
    assert set(PUBLIC) <= set(REGISTERED)
    assert {name: app.tasks[name].contract for name in PUBLIC} == PUBLIC


@pytest.mark.parametrize("name", REGISTERED)
def test_every_task_has_a_queue_of_its_own_and_a_line_of_purpose(name):
    assert app.amqp.router.route({}, name)["queue"].name != celeryconfig.task_default_queue
    assert app.tasks[name].run.__doc__


@pytest.mark.parametrize("entry", sorted(celeryconfig.beat_schedule))
def test_every_schedule_entry_sends_a_task_that_exists(entry):
    told = celeryconfig.beat_schedule[entry]
    assert told["task"] in REGISTERED
    assert told["options"]["expires"] < told["schedule"]


def test_celeryconfig_imports_the_settings_and_nothing_else_of_ours():
    tree = ast.parse(Path(celeryconfig.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name for name in imported if name.split(".")[0] in OURS} == {"workers.base.settings"}
