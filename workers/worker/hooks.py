"""What a worker does besides Celery's own: bind the database, follow its parent into death, name its log lines."""

from __future__ import annotations

import gc
import logging
import os
import re
import signal
from collections.abc import Mapping
from typing import Any

import structlog
from celery.signals import (
    celeryd_init,
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutdown,
)

from db import session
from tasks.runtime import workspace
from workers.base import database
from workers.base.errors import WorkersError
from workers.base.parent_death_signal import die_with_parent
from workers.base.settings import settings
from workers.telemetry import logs
from workers.worker import fair_consumer, worker_status

#: the process that loaded this module: the parent of the pool's children
_MAIN = os.getpid()
_TENANT = re.compile(r"[\w.:-]{1,64}")


@celeryd_init.connect
def on_worker_start(instance: Any = None, **_: object) -> None:
    """Before Celery's own checks: what they warn of is a log line too."""
    logs.configure(settings().log_level)
    worker_status.register()
    if instance is not None and settings().fair_share:
        instance.app.steps["consumer"].add(fair_consumer.FairConsumerStep)
    logging.captureWarnings(capture=True)


@worker_init.connect
def on_worker_init(**_: object) -> None:
    """Before the fork: bind, but connect nothing, so that children share no connection."""
    # What is loaded stays: the collector of each child passes it over, and the pages stay shared.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        database.begin(settings())
    except WorkersError as error:
        raise SystemExit(str(error)) from None  # Celery would log any other exception and start without a database
    workspace.bind(settings().home, import_roots=settings().import_roots())


@worker_process_init.connect
def on_child_init(**_: object) -> None:
    """In a pool child: when the main process is killed, nobody else would end it."""
    if os.getpid() != _MAIN:
        die_with_parent(signal.SIGKILL, _MAIN)


@worker_process_shutdown.connect
@worker_shutdown.connect
def on_shutdown(**_: object) -> None:
    """Close what is open."""
    session.dispose()


@task_prerun.connect
def on_prerun(task_id: str, task: Any, args: Any = (), kwargs: Any = None, **_: object) -> None:
    """From here on every log line says which task speaks."""
    delivery = task.request.delivery_info or {}
    structlog.contextvars.bind_contextvars(
        task_id=task_id, task=task.name, tenant=_tenant(args, kwargs), queue=delivery.get("routing_key")
    )


@task_postrun.connect
def on_postrun(**_: object) -> None:
    """Until here."""
    structlog.contextvars.clear_contextvars()


def _tenant(args: Any, kwargs: Any) -> str | None:
    first = args[0] if isinstance(args, list | tuple) and args else None
    for payload in (kwargs, first):
        if isinstance(payload, Mapping) and "tenant_id" in payload:
            tenant = payload["tenant_id"]
            return tenant if isinstance(tenant, str) and _TENANT.fullmatch(tenant) else logs.HIDDEN
    return None
