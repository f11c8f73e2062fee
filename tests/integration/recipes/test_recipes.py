"""The recipes of docs/contributing.md, each followed with a toy: what is added is one new thing, and the rest follows.

The recipes "a model kind" and "a CRM" have tests of their own: tests/integration/tasks/test_model_kinds.py and
tests/unit/tasks/crm/test_adapters.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from db.encryption import KeyRing
from ml import artifacts
from ml.errors import ArtifactKindError, CatalogueError
from ml.interventions.catalogue import load_catalogue
from ml.leads import Scorecard
from ml.profiles import FeatureMatrix
from tests.support.commands import ROOT, environment
from tests.support.leads import closed
from workers.pages import layout, write

TOY_TASK = '''
"""Greet a lead's agent: a toy of the recipe "a task"."""

from tasks.contracts.base.request import Request, ShortText
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query


class Greet(Request):
    """Greet somebody by name."""

    name: ShortText

    def needs_tenant(self) -> bool:
        """Return False: anybody may be greeted."""
        return False


@query("hearth.toys.greet", Greet, queue="inference")
def greet(session, request: Greet, context: TaskContext) -> TaskResult:
    """Return a greeting."""
    return TaskResult(data={"text": f"Hello {request.name}"})
'''
PROGRAM = """
import json, sys
from pathlib import Path
from tasks.runtime import registry
from db import session
from workers.app import app
from workers.base import database
from workers.base.settings import settings
database.begin(settings())
exec(compile(Path(sys.argv[1]).read_text(), sys.argv[1], "exec"), {"__name__": "tasks.toys"})
app.finalize()
answer = app.tasks["hearth.toys.greet"](tenant_id="acme", name="Ada")
print(json.dumps({
    "queue": app.amqp.router.route({}, "hearth.toys.greet")["queue"].name,
    "schema": sorted(registry.schemas()["hearth.toys.greet"]["properties"]),
    "text": answer["data"]["text"],
}))
session.dispose()
"""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_task(database: str, test_keyring: KeyRing, tmp_path: Path) -> None:
    """Write one module with a contract and a decorator; queue, route and schema are collected from it."""
    module = tmp_path / "toys.py"
    module.write_text(TOY_TASK, encoding="utf-8")
    settings = {"DATABASE_URL": database, "HEARTH_KEYS": test_keyring.dump()}
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(module)],
        env=environment(tmp_path / "home") | settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    seen: dict[str, Any] = json.loads(shown.stdout)
    assert (seen["queue"], seen["text"]) == ("inference", "Hello Ada")
    assert "name" in seen["schema"]


class Coin(Scorecard):
    """A toy learner: every lead is as likely as any other."""

    kind = "coin"

    def log_odds(self, matrix: FeatureMatrix) -> Any:
        """Return the same log-odds for each row."""
        return np.zeros(len(matrix))


def test_a_learner() -> None:
    """Write one class with a kind; artifacts restore it bit for bit, and it refuses what it does not know."""
    matrix, _ = closed(40, seed=3)
    scorers: dict[str, type[artifacts.Scorer]] = {**artifacts.SCORERS, Coin.kind: Coin}
    restored = artifacts.load(artifacts.dump(Coin()), scorers)
    assert isinstance(restored, Coin)
    assert np.array_equal(restored.log_odds(matrix), Coin().log_odds(matrix))
    with pytest.raises(ArtifactKindError):
        artifacts.load(artifacts.dump(Coin()))


def test_an_intervention() -> None:
    """Add a section without its word: the catalogue names the section that nobody knows, and does not load."""
    text = (resources.files("ml.interventions") / "catalogue.toml").read_text("utf-8")
    toy = '\n[interventions.tea_party]\nactions = ["call_task"]\n'
    with pytest.raises(CatalogueError, match=r"interventions\.tea_party"):
        load_catalogue(text + toy)


TOY_PAGE = """{% extends "layout.html" %}{% import "parts.html" as parts %}
{% block title %}Tea{% endblock %}{% block kicker %}A toy{% endblock %}
{% block body %}<p>{{ text | clean }}</p>{% endblock %}"""


def test_a_page(tmp_path: Path) -> None:
    """Write a template and call `render`: layout, style, policy and escaping come with it."""
    page = layout._ENVIRONMENT.from_string(TOY_PAGE).render(text="<b>two\u202e cups</b>")
    write(page, tmp_path / "page.html")
    shown = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in shown
    assert "&lt;b&gt;two" in shown
    assert "\u202e" not in shown
