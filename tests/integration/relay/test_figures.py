"""Figures that processes report to a real broker, and what the metrics make of them."""

import re
import time

import pytest
import redis
import yaml
from celery.exceptions import Ignore, Reject, Retry, WorkerLostError
from prometheus_client import CollectorRegistry, generate_latest

from tasks.errors import InvalidPayload, Overloaded, TimedOut, Unavailable
from tests.support.commands import ROOT
from workers.base.internal_keys import PROCESSES_SEEN, PROCESSES_STARTED, TASKS_COUNTED
from workers.base.settings import Settings
from workers.telemetry import figures
from workers.telemetry.figures import Reporter, TaskCounts
from workers.telemetry.metrics import MetricsCollector

SCORE = "hearth.leads.score"


@pytest.fixture
def broker(broker_url):
    with redis.Redis.from_url(broker_url) as client:
        client.flushall()
        yield client


def test_two_workers_add_up(broker, broker_url):
    for name, runs in {"interactive@a": [0.004, 0.2], "batch@a": [0.01, 700.0]}.items():
        counts = TaskCounts()
        reporter = Reporter(broker_url, name, counts)
        for seconds in runs:
            counts.record(SCORE, "succeeded", seconds)
        counts.record(SCORE, "lost")
        reporter.report()
        # what was reported is not reported again
        reporter.close()
    known = figures.read(broker)
    assert known.tasks == {(SCORE, "succeeded"): 4, (SCORE, "lost"): 2}
    assert known.durations[SCORE].counts == (2, 0, 0, 1, 0, 0, 0, 0, 0, 1)
    assert known.durations[SCORE].total == pytest.approx(700.214)
    assert known.starts == {"interactive@a": 1, "batch@a": 1}
    assert all(0 <= age < 5 for age in known.seen.values())


def test_each_start_of_a_process_counts_once(broker, broker_url):
    for _ in range(3):
        reporter = Reporter(broker_url, "relay@a", TaskCounts())
        reporter.report()
        reporter.report()
        reporter.close()
    assert figures.read(broker).starts == {"relay@a": 3}


def test_a_broker_that_lost_its_data_shows_the_process_again(broker, broker_url):
    reporter = Reporter(broker_url, "relay@a", TaskCounts())
    reporter.report()
    broker.flushall()
    reporter.close()
    assert figures.read(broker).starts == {"relay@a": 1}


def test_what_a_broker_did_not_take_it_gets_later(broker, broker_url):
    counts = TaskCounts()
    counts.record(SCORE, "succeeded", 0.5)
    away = Reporter("redis://127.0.0.1:1/0", "w@a", counts)
    away.report()
    counts.record(SCORE, "succeeded", 0.5)
    reporter = Reporter(broker_url, "w@a", counts)
    reporter.close()
    known = figures.read(broker)
    assert known.tasks == {(SCORE, "succeeded"): 2}
    assert known.durations[SCORE].total == 1.0


def test_a_host_that_is_long_gone_is_forgotten(broker, broker_url):
    broker.hset(PROCESSES_SEEN, mapping={"w@old": time.time() - figures.FORGOTTEN - 1, "w@new": time.time() - 70})
    broker.hset(PROCESSES_STARTED, mapping={"w@old": 4, "w@new": 2})
    Reporter(broker_url, "w@mine", TaskCounts()).close()
    assert figures.read(broker).starts == {"w@new": 2, "w@mine": 1}


def test_the_metrics_say_it_and_survive_what_others_write_there(broker, broker_url, tmp_path):
    counts = TaskCounts()
    reporter = Reporter(broker_url, "w@a", counts)
    counts.record(SCORE, "succeeded", 0.07)
    counts.record(SCORE, "refused", 0.001)
    reporter.close()
    broker.hset(PROCESSES_SEEN, mapping={"w@gone": time.time() - figures.GONE - 5, "w@odd": "never"})
    broker.hset(TASKS_COUNTED, mapping={"odd": "1", b"\xff|x": "2", f"{SCORE}|99": "1", f"{SCORE}|failed": "nan"})
    registry = CollectorRegistry()
    chosen = Settings(home=tmp_path, redis_url=broker_url, keys=None)
    registry.register(MetricsCollector(chosen, ["inference"]))
    told = generate_latest(registry).decode().splitlines()
    assert 'hearth_up{part="broker"} 1.0' in told
    assert f'hearth_tasks_total{{result="succeeded",task="{SCORE}"}} 1.0' in told
    assert f'hearth_tasks_total{{result="refused",task="{SCORE}"}} 1.0' in told
    assert not [line for line in told if 'result="failed"' in line]
    assert f'hearth_task_duration_seconds_bucket{{le="0.01",task="{SCORE}"}} 1.0' in told
    assert f'hearth_task_duration_seconds_bucket{{le="+Inf",task="{SCORE}"}} 3.0' in told
    assert 'hearth_process_alive{process="w@a"} 1.0' in told
    assert 'hearth_process_alive{process="w@gone"} 0.0' in told
    assert 'hearth_process_starts_total{process="w@a"} 1.0' in told


@pytest.mark.usefixtures("sqlite_database")
def test_the_page_and_the_alerts_name_every_metric_and_no_other(broker, broker_url, tmp_path):
    counts = TaskCounts()
    counts.record(SCORE, "succeeded", 0.07)
    Reporter(broker_url, "w@a", counts).close()
    collector = MetricsCollector(Settings(home=tmp_path, redis_url=broker_url, keys=None), ["inference"])
    # a counter's name has its ending in what is scraped only
    told = {f"{one.name}{'_total' if one.type == 'counter' else ''}" for one in collector.collect()}
    page = (
        (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("## Metrics")[2].partition("\n## ")[0]
    )
    assert set(re.findall(r"`(hearth_[a-z_]+)", page)) == told
    alerts = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    (group,) = yaml.safe_load(alerts)["groups"]
    assert all(rule.keys() >= {"alert", "expr", "labels", "annotations"} for rule in group["rules"])
    named = set(re.findall(r"hearth_[a-z_]+", " ".join(rule["expr"] for rule in group["rules"])))
    assert named <= told
    assert len(named) >= 8


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (InvalidPayload("missing", []), "refused"),
        (Overloaded("later"), "refused"),
        (Unavailable("away"), "failed"),
        (TimedOut("long"), "failed"),
        (WorkerLostError("killed"), "lost"),
        (Retry(), "retried"),
        (Reject(), None),
        (Ignore(), None),
    ],
)
def test_an_error_is_counted_as_what_it_is(error, result):
    assert figures.result_of(error) == result
