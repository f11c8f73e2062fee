"""What the workers of a benchmark load: Hearth, and tasks of the same shape that do nothing, or commit one row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from celery import chain, chord
from sqlalchemy import text

from db.session import EVERY_TENANT, transaction
from tasks.pipelines import STAGES
from workers.bootstrap import app

INSERT = text("INSERT INTO bench_rows (id, run, at) VALUES (:id, :run, :at)")

__all__ = ["app", "entry", "finish", "row", "stage", "start"]


def task(name: str) -> Callable[[Callable[..., str]], Any]:
    """Declare a plain Celery task."""
    return lambda body: app.task(body, name=name)


def commit(run: str | None) -> str:
    """When it began; with the name of a run, a row of it is committed."""
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    if run is not None:
        with transaction(EVERY_TENANT) as session:
            session.execute(INSERT, {"id": str(uuid4()), "run": run, "at": at})
    return at


@task("bench.row")
def row(run: str | None = None) -> str:
    """One row, or nothing."""
    return commit(run)


@task("bench.entry")
def entry(finish_id: str, run: str | None = None) -> str:
    """As the task that callers send: commits, then publishes the start."""
    at = commit(run)
    app.send_task("bench.start", kwargs={"finish_id": finish_id, "run": run})
    return at


@task("bench.start")
def start(finish_id: str, run: str | None = None) -> str:
    """Publishes the canvas: one stage, then a chord of as many as an assessment has, with its callback."""
    at = commit(run)
    stages = chord([stage.si(run) for _ in STAGES], finish.si(run).set(task_id=finish_id))
    chain(stage.si(run), stages).apply_async()
    return at


@task("bench.stage")
def stage(run: str | None = None) -> str:
    """A stage of the canvas."""
    return commit(run)


@task("bench.finish")
def finish(run: str | None = None) -> str:
    """The callback of the chord: answers when it began, as `assessments.finished_at` does."""
    return commit(run)
