"""What a command says whose broker is full: a line that names the reason, instead of a long silence."""

import threading
import time
from contextlib import contextmanager

import pytest
import redis
from kombu.exceptions import OperationalError

from tests.support.broker import app_of, running
from workers.cli.base import client
from workers.cli.base.client import Client
from workers.cli.base.command import _line, refuses_writes

FULL = {"memory": ("maxmemory", "1"), "disk": ("min-replicas-to-write", "1")}


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory):
    with running(tmp_path_factory.mktemp("broker")) as url:
        yield url


@pytest.fixture
def caller(broker_url):
    with app_of(broker_url) as app:
        yield Client(app, "acme")


@contextmanager
def full(url, setting, value):
    """A broker that refuses, at once or after some seconds."""
    with redis.Redis.from_url(url) as broker:
        broker.config_set(setting, value)
        try:
            yield
        finally:
            broker.config_set(setting, 0)


@pytest.mark.parametrize("what", FULL)
def test_what_cannot_be_sent_is_said_with_its_reason(caller, broker_url, what):
    with full(broker_url, *FULL[what]), pytest.raises(OperationalError) as refused:
        caller.envelope("hearth.backfill.csv", queue="batch", uri="/leads.csv")
    assert refuses_writes(refused.value)
    assert "its disk or memory is full" in _line(refused.value)


def test_a_broker_that_fills_up_while_the_answer_is_waited_for_ends_the_wait(caller, broker_url, monkeypatch):
    monkeypatch.setattr(client, "BROKER_INTERVAL", 0.1)
    said = []

    def ask():
        try:
            caller.envelope("hearth.backfill.csv", queue="batch", patience=60, uri="/leads.csv")
        except OperationalError as error:
            said.append(_line(error))

    asking = threading.Thread(target=ask)
    asking.start()
    with redis.Redis.from_url(broker_url) as broker:
        deadline = time.monotonic() + 20
        while not broker.llen("batch") and time.monotonic() < deadline:
            time.sleep(0.02)
    with full(broker_url, *FULL["disk"]):
        asking.join(30)
    assert said == ["the broker takes no work (NOREPLICAS): its disk or memory is full; make room and try again"]


def test_a_broker_that_is_away_is_another_matter():
    assert "does not answer" in _line(OperationalError("Error 111 connecting to 127.0.0.1:1. Connection refused."))
