"""Serve Prometheus metrics of the whole installation; read the figures at each scrape."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import redis
import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from db.errors import DatabaseError
from db.repositories import audit
from db.repositories.jobs import outbox, quarantine, queue_probes
from db.repositories.outbound import outbound
from db.session import EVERY_TENANT, Session, database_time, reading
from tasks.runtime.broker.queue_depth import depths
from workers.base import internal_keys
from workers.base.settings import Settings
from workers.telemetry import audit_checkpoints, cache_figures, figures, scrapes
from workers.telemetry.figures import Figures
from workers.telemetry.scrapes import MetricsServer

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
Labels = TypeVar("Labels", bound=tuple[str, ...])


def serve(chosen: Settings, queues: Collection[str]) -> MetricsServer:
    """Serve `/metrics` of these queues and `/healthz`, at the settings' address; any free port is named in the log."""
    registry, collector = CollectorRegistry(), MetricsCollector(chosen, queues)
    registry.register(collector)
    serving = scrapes.start(chosen.metrics_host, chosen.metrics_port, registry, collector.health)
    log.info("metrics", address=f"http://{chosen.metrics_host}:{serving.port}/metrics")
    return serving


class MetricsCollector(Collector):
    """Collect from broker and database at each scrape; a store that is away shows in `hearth_up` and has no figures."""

    def __init__(self, chosen: Settings, queues: Collection[str]) -> None:
        self._settings = chosen
        self._queues = frozenset(queues)

    def describe(self) -> list[Metric]:
        """Return nothing: registering must not query the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Collect every metric."""
        up = GaugeMetricFamily("hearth_up", "Whether a part answered this scrape.", labels=["part"])
        for part, read in (("broker", self._broker), ("database", self._database)):
            metrics = _read_or_none(read)
            up.add_metric([part], metrics is not None)
            yield from metrics or ()
        yield up

    def health(self) -> Mapping[str, bool]:
        """Return which of broker and database answers."""
        parts = {"broker": self._ping_broker, "database": self._ping_database}
        return {part: _read_or_none(ping) is not None for part, ping in parts.items()}

    def _client(self) -> redis.Redis:
        url = self._settings.broker().get_secret_value()
        return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)

    def _ping_broker(self) -> bool:
        with self._client() as client:
            return bool(client.ping())

    def _ping_database(self) -> datetime:
        with reading(EVERY_TENANT) as session:
            return database_time(session)

    def _broker(self) -> list[Metric]:
        with self._client() as client:
            waiting, broken = depths(client, self._queues), internal_keys.moved_aside(client)
            known, looked_up = figures.read(client), cache_figures.read(client)
        return [
            _family("queue_depth", "Messages that wait.", "queue", waiting),
            _gauge("broken_keys", "Keys of the broker that had a wrong type and were moved aside.", len(broken)),
            *_processes(known),
            *_tasks(known),
            _counter(
                "cache_lookups", "Lookups of the cache, by what was found.", ("kind", "tier", "result"), looked_up
            ),
        ]

    def _database(self) -> list[Metric]:
        with reading(EVERY_TENANT) as session:
            return [
                *_waits(session, self._queues),
                *_outbox(session),
                *_quarantine(session),
                *_outbound(session),
                *self._audit(session),
            ]

    def _audit(self, session: Session) -> list[Metric]:
        now, open_chains, oldest = datetime.now(UTC), 0, 0.0
        chains = audit.tenants(session)
        for tenant_id in chains:
            last = audit_checkpoints.newest(self._settings.home, tenant_id)
            if last is not None:
                oldest = max(oldest, (now - last.at).total_seconds())
            open_chains += last is None or last.anchor != audit.head(session, tenant_id)
        return [
            _gauge("audit_chains", "Tenants with an audit chain.", len(chains)),
            _gauge("audit_chains_unanchored", "Chains whose head is not anchored yet.", open_chains),
            _gauge("audit_anchor_age_seconds", "Since the oldest of the newest anchors was written.", oldest),
        ]


def _processes(known: Figures) -> list[Metric]:
    alive = {name: float(age <= figures.GONE) for name, age in known.seen.items()}
    return [
        _family("process_alive", "Whether a process has reported within a minute.", "process", alive),
        _counter("process_starts", "Starts of a process.", ("process",), {(n,): c for n, c in known.starts.items()}),
    ]


def _tasks(known: Figures) -> list[Metric]:
    text = "Seconds for which the body of a task ran, whatever its result."
    durations = HistogramMetricFamily("hearth_task_duration_seconds", text, labels=["task"])
    for task, ran in known.durations.items():
        below, buckets = 0, []
        for bound, count in zip(figures.BOUNDS, ran.counts, strict=True):
            below += count
            buckets.append((_bound(bound), float(below)))
        durations.add_metric([task], buckets, ran.total)
    return [_counter("tasks", "Tasks that ended, by result.", ("task", "result"), known.tasks), durations]


def _bound(seconds: float) -> str:
    return "+Inf" if math.isinf(seconds) else repr(seconds)


def _waits(session: Session, queues: Collection[str]) -> list[Metric]:
    now = database_time(session)
    canaries = [canary for canary in queue_probes.latest(session) if canary.queue in queues]
    ages = {canary.queue: max(0.0, (now - canary.sent_at).total_seconds()) for canary in canaries}
    waits = {canary.queue: canary.age for canary in canaries}
    oldest = {canary.queue: 0.0 if canary.ran_at else canary.age for canary in canaries}
    return [
        _family("canary_age_seconds", "Since the last canary was sent, arrived or not.", "queue", ages),
        _family("queue_wait_seconds", "How long the last canary waited, or has waited so far.", "queue", waits),
        _family("queue_oldest_seconds", "Age of the oldest message, as canaries show it.", "queue", oldest),
    ]


def _outbox(session: Session) -> list[Metric]:
    lag = outbox.lag(session)
    return [
        _gauge("outbox_waiting", "Tasks the broker does not have yet.", lag.waiting),
        _gauge("outbox_lag_seconds", "Age of the oldest of them.", lag.age),
    ]


def _quarantine(session: Session) -> list[Metric]:
    counts = quarantine.count(session)
    return [
        _gauge("quarantine_held", "Messages in quarantine.", sum(count.held for count in counts)),
        _gauge("quarantine_overflowed", "Messages that found it full.", sum(count.overflowed for count in counts)),
    ]


def _outbound(session: Session) -> list[Metric]:
    counts = outbound.counts(session)
    return [
        _gauge("outbound_pending", "Events to be delivered.", counts.get("pending", 0)),
        _gauge("outbound_dead", "Events whose delivery was given up.", counts.get("dead", 0)),
    ]


def _read_or_none(read: Callable[[], Result]) -> Result | None:
    try:
        return read()
    except (redis.RedisError, DatabaseError, OSError) as error:
        log.warning("figures_missing", error=type(error).__name__)
        return None


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"hearth_{name}", text, value=value)


def _counter(name: str, text: str, labels: Sequence[str], values: Mapping[Labels, float]) -> Metric:
    family = CounterMetricFamily(f"hearth_{name}", text, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, value)
    return family


def _family(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"hearth_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
