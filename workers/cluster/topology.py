"""Describe the processes of a cluster, with their arguments and environment."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from workers.base.settings import Settings
from workers.cluster.supervisor import ProcessSpec

#: on so many cores or fewer, queues share processes
SMALL = 4
#: seconds that relay and deliverer leave the workers to start in; on a small machine all would be ready later
BACKGROUND_DELAY = 3.0
_ROOT = Path(__file__).parents[2]
_CELERY = (sys.executable, "-P", "-m", "workers.cluster.celery_main")
#: variables by which Celery and Flower would override what we say
_OVERRIDES = ("CELERY_", "FLOWER_", "REMAP_SIGTERM")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """One worker process."""

    name: str
    queues: tuple[str, ...]
    #: children of its pool
    children: int
    #: messages each child may hold in advance
    prefetch: int = 1


LEARNING = WorkerSpec(name="learning", queues=("learning",), children=1, prefetch=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The parts of a cluster besides its broker."""

    url: SecretStr
    workers: tuple[WorkerSpec, ...]
    #: the module that workers load
    tasks: str
    beat: bool
    #: Flower's `user:password`; None: no Flower
    flower_auth: SecretStr | None
    flower_port: int
    #: where the relay serves its metrics
    metrics_port: int


def worker_specs(*, fold: bool | None = None, cores: int | None = None) -> tuple[WorkerSpec, ...]:
    """Return the workers for a machine with `cores`; three on a small machine unless `fold` decides.

    Learning has a worker of its own on any: what is learnt from an outcome within milliseconds must not wait for a
    training that takes minutes. It has one child, which holds the states of the learners.
    """
    cores = cores or os.cpu_count() or 1
    if cores <= SMALL if fold is None else fold:
        return (
            WorkerSpec(name="interactive", queues=("inference", "celery", "ingest"), children=2, prefetch=4),
            WorkerSpec(name="background", queues=("batch", "training", "media"), children=1),
            LEARNING,
        )
    return (
        WorkerSpec(name="inference", queues=("inference", "celery"), children=max(2, cores // 2), prefetch=4),
        WorkerSpec(name="ingest", queues=("ingest",), children=2, prefetch=4),
        WorkerSpec(name="batch", queues=("batch",), children=max(1, cores // 4)),
        LEARNING,
        WorkerSpec(name="training", queues=("training",), children=1),
        WorkerSpec(name="media", queues=("media",), children=1),
    )


def processes(plan: Topology, settings: Settings) -> Iterator[ProcessSpec]:
    """Return the processes of a topology. Secrets are in their environment, never in their arguments."""
    env = environment(settings, plan.url)
    for worker in plan.workers:
        argv = _worker_argv(worker, plan, settings)
        yield ProcessSpec(name=worker.name, argv=argv, env=env, cold_signal=signal.SIGQUIT)
    metrics = {"HEARTH_METRICS_PORT": str(plan.metrics_port)}
    # receivers on this machine are for trying out, which an embedded cluster is for
    loopback = {"HEARTH_WEBHOOK_LOOPBACK": str(settings.webhook_loopback is not False)}
    for name, extra in (("relay", metrics), ("outbound", loopback)):
        argv = (sys.executable, "-P", "-m", f"workers.delivery.{name}")
        yield ProcessSpec(name=name, argv=argv, env={**env, **extra}, delay=BACKGROUND_DELAY)
    if plan.beat:
        schedule = str(settings.home / "beat-schedule")
        argv = (*_CELERY, "beat", "workers.app", "--schedule", schedule, "--loglevel", settings.log_level)
        yield ProcessSpec(name="beat", argv=argv, env=env)
    if plan.flower_auth:
        auth = {
            "HEARTH_FLOWER_AUTH": plan.flower_auth.get_secret_value(),
            "HEARTH_FLOWER_PORT": str(plan.flower_port),
            "HEARTH_FLOWER_READ_ONLY": str(settings.flower_read_only),
        }
        yield ProcessSpec(
            name="flower", argv=(sys.executable, "-P", "-m", "workers.cluster.flower"), env={**env, **auth}
        )


def _worker_argv(worker: WorkerSpec, plan: Topology, settings: Settings) -> tuple[str, ...]:
    # gossip, mingle, heartbeats and events cost half the throughput; Flower needs the last two
    events = ("-E",) if plan.flower_auth else ("--without-heartbeat",)
    return (
        *(*_CELERY, "worker", plan.tasks, "--hostname", f"{worker.name}@%h", "--queues", ",".join(worker.queues)),
        *("--concurrency", str(worker.children), "--prefetch-multiplier", str(worker.prefetch)),
        *("--loglevel", settings.log_level, "--without-gossip", "--without-mingle", *events),
    )


def environment(settings: Settings, url: SecretStr) -> Mapping[str, str]:
    """Return our environment with the settings of this cluster."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(_OVERRIDES)}
    keys = {"HEARTH_KEYS": settings.keys.get_secret_value()} if settings.keys else {}
    inherited.pop("HEARTH_KEYS", None)
    return (
        inherited
        | keys
        | {
            "REDIS_URL": url.get_secret_value(),
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "HEARTH_HOME": str(settings.home),
            "HEARTH_LOG_LEVEL": settings.log_level,
            # the supervisor waits for running tasks; a worker that must quit after that requeues them at once
            "HEARTH_SOFT_SHUTDOWN": "0",
            # numpy reads these when it is imported
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            # run from a checkout that is not installed, from any folder
            "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH")))),
        }
    )
