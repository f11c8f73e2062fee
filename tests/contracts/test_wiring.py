"""Names typed in several places mean the same: tasks, routes, schedule, contracts."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import celeryconfig
from tasks.runtime import registry, routing
from workers.bootstrap import app

REGISTERED = sorted(name for name in app.tasks if name.startswith("hearth."))
OURS = {"workers", "tasks", "ml", "db", "migrations"}


def test_every_public_contract_is_a_task_of_that_contract():
    public = registry.public_contracts()
    assert {name: app.tasks[name].contract for name in public} == public
    assert "hearth.leads.score" in public
    assert "hearth.pipelines.finish" not in public


@pytest.mark.parametrize("name", REGISTERED)
def test_the_queue_that_is_read_from_the_source_is_the_registered_one(name):
    assert (
        routing.queue_in_source(name) == app.tasks[name].default_queue == app.amqp.router.route({}, name)["queue"].name
    )


@pytest.mark.slow
def test_a_process_without_the_tasks_routes_them_without_importing_them():
    program = (
        "import sys; from workers.app import app; "
        "print(app.amqp.router.route({}, 'hearth.models.train')['queue'].name, 'tasks.models' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == ["training", "False"]


@pytest.mark.parametrize("name", REGISTERED)
def test_every_task_has_a_queue_of_its_own_and_a_line_of_purpose(name):
    assert app.amqp.router.route({}, name)["queue"].name != celeryconfig.task_default_queue
    assert app.tasks[name].run.__doc__


@pytest.mark.parametrize("name", REGISTERED)
def test_a_task_lives_where_its_name_says(name):
    prefix = f"tasks.{name.split('.')[1]}"
    module = app.tasks[name].run.__module__
    assert module == prefix or module.startswith(f"{prefix}.")


def test_every_entry_module_registers_a_task():
    shelves = {"services", "crm", "intake", "runtime", "contracts", "errors", "__init__"}
    entries = {path for path in Path("tasks").rglob("*.py") if path.relative_to("tasks").parts[0] not in shelves}
    modules = {".".join(path.with_suffix("").parts) for path in entries if path.stem not in {"__init__", "errors"}}
    assert modules == {app.tasks[name].run.__module__ for name in REGISTERED}


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
