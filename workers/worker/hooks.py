"""Celery's signals in a worker: bind the database, end with the parent process, put the task into log lines."""

from __future__ import annotations

import functools
import gc
import logging
import os
import re
import signal
from collections.abc import Mapping

import structlog
from celery import Task
from celery.signals import (
    celeryd_init,
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutdown,
)
from celery.worker import WorkController

from db import session
from tasks.runtime.files import workspace
from tasks.services.online import open_learners
from workers.base import cache_tier, database
from workers.base.errors import WorkersError
from workers.base.parent_death_signal import die_with_parent
from workers.base.priority import yield_processor
from workers.base.settings import settings
from workers.telemetry import logs
from workers.telemetry.cache_figures import CacheReporter
from workers.worker import fair_consumer, worker_status

#: the process that loaded this module: the parent of the pool's children
_MAIN = os.getpid()
_TENANT = re.compile(r"[\w.:-]{1,64}")


@celeryd_init.connect
def on_worker_start(instance: WorkController | None = None, **_: object) -> None:
    """Configure logs before Celery's own checks, so that their warnings are log lines too."""
    logs.configure(settings().log_level)
    worker_status.register()
    if instance is not None and settings().fair_share:
        instance.app.steps["consumer"].add(fair_consumer.FairConsumerStep)
    logging.captureWarnings(capture=True)


@worker_init.connect
def on_worker_init(**_: object) -> None:
    """Bind database, workspace and cache before the fork; connect nothing, so that children share no connection."""
    yield_processor(settings().worker_nice)
    # what is loaded stays: the collector of each child skips it, and the memory pages stay shared
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        database.begin(settings())
    except WorkersError as error:
        raise SystemExit(str(error)) from None  # Celery would log any other exception and start without a database
    workspace.bind(settings().home, import_roots=settings().import_roots())
    cache_tier.bind(settings())
    open_learners.bind(limit=settings().online_states)


@worker_process_init.connect
def on_child_init(**_: object) -> None:
    """End a pool child when the main process is killed: nothing else would."""
    if os.getpid() != _MAIN:
        die_with_parent(signal.SIGKILL, _MAIN)


@worker_process_shutdown.connect
@worker_shutdown.connect
def on_shutdown(**_: object) -> None:
    """Close the database, and tell what the cache found since the last report."""
    session.dispose()
    _cache_reporter().close()


@task_prerun.connect
def on_prerun(task_id: str, task: Task, args: object = (), kwargs: object = None, **_: object) -> None:
    """Put the task, its tenant and queue into every log line from here on."""
    delivery = task.request.delivery_info or {}
    structlog.contextvars.bind_contextvars(
        task_id=task_id, task=task.name, tenant=_tenant(args, kwargs), queue=delivery.get("routing_key")
    )


@task_postrun.connect
def on_postrun(**_: object) -> None:
    """Take the task out of the log lines again, and tell now and then what the cache found."""
    structlog.contextvars.clear_contextvars()
    _cache_reporter().report_when_due()


@functools.cache
def _cache_reporter() -> CacheReporter:
    return CacheReporter(settings().broker().get_secret_value())


def _tenant(args: object, kwargs: object) -> str | None:
    first = args[0] if isinstance(args, list | tuple) and args else None
    for payload in (kwargs, first):
        if isinstance(payload, Mapping) and "tenant_id" in payload:
            tenant = payload["tenant_id"]
            return tenant if isinstance(tenant, str) and _TENANT.fullmatch(tenant) else logs.HIDDEN
    return None
