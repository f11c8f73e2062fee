"""Serve Prometheus metrics of the whole installation on 127.0.0.1; read the figures at each scrape."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from wsgiref.simple_server import WSGIServer

import redis
import structlog
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from db.errors import DatabaseError
from db.repositories import audit
from db.repositories.jobs import outbox, quarantine
from db.repositories.outbound import outbound
from db.session import EVERY_TENANT, Session, reading
from tasks.runtime.broker.queue_depth import depths
from workers.base import internal_keys
from workers.base.settings import Settings
from workers.telemetry import audit_checkpoints

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MetricsServer:
    """A running metrics server."""

    port: int
    _server: WSGIServer
    _thread: threading.Thread

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(chosen: Settings, queues: Collection[str]) -> MetricsServer:
    """Serve `/metrics` of these queues on 127.0.0.1, at the settings' port or any free one, which the log names."""
    registry = CollectorRegistry()
    registry.register(MetricsCollector(chosen, queues))
    server, thread = start_http_server(chosen.metrics_port, addr="127.0.0.1", registry=registry)
    serving = MetricsServer(server.server_port, server, thread)
    log.info("metrics", address=f"http://127.0.0.1:{serving.port}/metrics")
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

    def _broker(self) -> list[Metric]:
        url = self._settings.broker().get_secret_value()
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
            waiting, broken = depths(client, self._queues), internal_keys.moved_aside(client)
        return [
            _family("queue_depth", "Messages that wait.", "queue", waiting),
            _gauge("broken_keys", "Keys of the broker that had a wrong type and were moved aside.", len(broken)),
        ]

    def _database(self) -> list[Metric]:
        with reading(EVERY_TENANT) as session:
            return [*_outbox(session), *_quarantine(session), *_outbound(session), *self._audit(session)]

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


def _read_or_none(read: Callable[[], list[Metric]]) -> list[Metric] | None:
    try:
        return read()
    except (redis.RedisError, DatabaseError, OSError) as error:
        log.warning("figures_missing", error=type(error).__name__)
        return None


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"hearth_{name}", text, value=value)


def _family(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"hearth_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
