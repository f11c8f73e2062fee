"""What a scraper and a probe get over HTTP."""

import json
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Gauge

from workers.telemetry import scrapes

ANSWERS = {"broker": True, "database": True}


@pytest.fixture
def ask():
    registry = CollectorRegistry()
    Gauge("hearth_figure", "One.", registry=registry).set(7)
    server = scrapes.start("127.0.0.1", 0, registry, lambda: ANSWERS)

    def asked(path, method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    yield asked
    server.close()


def test_metrics_have_one_path(ask):
    status, text = ask("/metrics")
    assert (status, "hearth_figure 7.0" in text) == (200, True)
    for path in ("/", "/health", "/metrics/", "/healthz/x", "/favicon.ico"):
        assert ask(path) == (404, '{"error": "not_found"}')
    assert ask("/metrics", "POST")[0] == 405


def test_a_probe_learns_which_part_is_away(ask, monkeypatch):
    status, text = ask("/healthz")
    assert (status, json.loads(text)) == (200, {"ok": True, "broker": True, "database": True})
    monkeypatch.setitem(ANSWERS, "database", False)
    status, text = ask("/healthz")
    assert (status, json.loads(text)) == (503, {"ok": False, "broker": True, "database": False})
