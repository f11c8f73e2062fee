"""Packages that name their tasks: which those are, and that naming one imports no other."""

import json
import subprocess
import sys
from importlib import import_module

import pytest

from tasks.runtime.task import HearthTask
from tests.support.commands import ROOT

PACKAGES = ("tasks.leads", "tasks.interventions", "tasks.privacy")


@pytest.mark.parametrize("package", PACKAGES)
def test_each_name_is_the_task_even_where_a_module_has_its_name_too(package):
    module = import_module(package)
    for name in module.__all__:
        task = getattr(module, name)
        assert isinstance(task, HearthTask)
        import_module(task.__module__)
        assert getattr(module, name) is task
        assert getattr(import_module(task.__module__), name) is task


@pytest.mark.parametrize("package", PACKAGES)
def test_a_task_cannot_be_put_in_the_place_of_another(package):
    module = import_module(package)
    with pytest.raises(TypeError, match="is a task of this package"):
        setattr(module, module.__all__[0], None)


@pytest.mark.parametrize(
    ("task", "others"),
    [
        ("tasks.leads.worklist", ("tasks.leads.score", "tasks.leads.upsert", "tasks.services.models.model_kinds")),
        ("tasks.interventions.report", ("tasks.interventions.plan", "tasks.interventions.dispatch")),
        ("tasks.privacy.consent", ("tasks.privacy.rights", "tasks.privacy.people")),
    ],
)
def test_a_command_that_reads_imports_one_task_and_nothing_that_draws(task, others):
    unused = (*others, "tasks.contracts.answers", "rich")
    code = (
        f"import json, sys; from workers.cli import main; main.get_command(None, 'worklist'); import {task};"
        f"print(json.dumps([name for name in {unused!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_a_worker_builds_its_contracts_before_it_forks():
    code = (
        "import workers.bootstrap; from tasks.contracts.leads import WorklistRequest;"
        "print(WorklistRequest.__pydantic_complete__)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
