"""Lookups of the cache, from the processes that made them to the page that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from prometheus_client import CollectorRegistry, generate_latest

from tasks.runtime.cache.lookups import Lookups
from workers.base.internal_keys import CACHE_COUNTED
from workers.base.settings import Settings
from workers.telemetry import cache_figures
from workers.telemetry.cache_figures import CacheReporter
from workers.telemetry.figures import INTERVAL
from workers.telemetry.metrics import MetricsCollector


@pytest.fixture
def broker(broker_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(broker_url) as client:
        client.flushall()
        yield client


def test_the_children_of_a_pool_add_up_and_report_now_and_then(broker: redis.Redis, broker_url: str) -> None:
    now = [0.0]
    for _ in range(2):
        counts = Lookups()
        reporter = CacheReporter(broker_url, counts, clock=lambda: now[0])
        reporter.report_when_due()
        counts.record("snapshot", "process", "hit")
        counts.record("snapshot", "process", "hit")
        counts.record("readings", "redis", "error")
        reporter.report_when_due()
        now[0] += INTERVAL
        reporter.report_when_due()
        counts.record("snapshot", "database", "miss")
        reporter.close()
    assert cache_figures.read(broker) == {
        ("snapshot", "process", "hit"): 4,
        ("readings", "redis", "error"): 2,
        ("snapshot", "database", "miss"): 2,
    }


def test_metrics_show_them(broker: redis.Redis, broker_url: str) -> None:
    broker.hset(CACHE_COUNTED, mapping={"snapshot|redis|hit": 3, "odd": 1, b"\xff|redis|hit": "x"})
    registry = CollectorRegistry()
    registry.register(MetricsCollector(Settings(redis_url=broker_url, keys=None), []))
    page = generate_latest(registry).decode()
    assert 'hearth_cache_lookups_total{kind="snapshot",result="hit",tier="redis"} 3.0' in page
    assert page.count("hearth_cache_lookups_total{") == 1


def test_a_broker_that_is_away_gets_them_with_the_next_report(broker: redis.Redis, broker_url: str) -> None:
    counts = Lookups()
    counts.record("snapshot", "process", "hit")
    CacheReporter("redis://127.0.0.1:1/0", counts).close()
    CacheReporter(broker_url, counts).close()
    assert cache_figures.read(broker) == {("snapshot", "process", "hit"): 1}
