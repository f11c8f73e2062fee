"""When a worker takes nothing since the database is away, and who tells it so."""

from types import SimpleNamespace

import pytest
from billiard.einfo import ExceptionInfo
from celery import Celery
from celery.exceptions import Retry

from tasks.errors import InvalidPayload, Unavailable
from tasks.runtime.failures.retry_policy import DatabaseAway
from tasks.runtime.task import HearthTask
from workers.worker import poison_request
from workers.worker.circuit_breaker import FIRST, MOST, CircuitBreaker
from workers.worker.poison_request import GuardedRequest


@pytest.fixture
def clock():
    return SimpleNamespace(now=100.0)


@pytest.fixture
def breaker(clock):
    return CircuitBreaker(lambda: clock.now)


def pause(breaker, clock):
    """Meet trouble; gives for how long nothing is taken, and lets that pass."""
    breaker.record_failure()
    began = clock.now
    while breaker.is_open():
        clock.now += 0.25
    return clock.now - began


def test_the_pause_grows_to_some_seconds(breaker, clock):
    assert not breaker.is_open()
    assert [pause(breaker, clock) for _ in range(6)] == [FIRST, 1.0, 2.0, 4.0, MOST, MOST]


def test_what_is_heard_during_a_pause_is_nothing_new(breaker, clock):
    for _ in range(50):
        breaker.record_failure()
    assert pause(breaker, clock) == FIRST
    assert pause(breaker, clock) == 2 * FIRST


def test_it_ends_with_the_first_success_and_begins_anew(breaker, clock):
    for _ in range(5):
        pause(breaker, clock)
    breaker.record_failure()
    breaker.record_success()
    assert not breaker.is_open()
    assert pause(breaker, clock) == FIRST


def test_an_old_trouble_is_forgotten(breaker, clock):
    for _ in range(5):
        pause(breaker, clock)
    clock.now += MOST
    assert pause(breaker, clock) == FIRST


@pytest.fixture
def of_this_process(breaker, monkeypatch):
    """What this process has heard, on a clock that stands still."""
    monkeypatch.setattr(poison_request, "database_breaker", breaker)
    return breaker


@pytest.fixture(scope="module")
def app():
    with Celery("test", set_as_current=False) as made:

        def run():
            """Does nothing."""

        for kind in ("effect", "query"):
            made.task(name=kind, base=HearthTask, kind=kind, ignore_result=True, acks_late=True)(run)
        made.finalize()
        yield made


@pytest.fixture
def begun(app):
    """A request that a child works on."""

    def make(task):
        message = SimpleNamespace(
            headers={"id": "1", "task": task},
            properties={},
            delivery_info={},
            body=b"",
            content_type=None,
            content_encoding=None,
        )
        heard = []
        ends = {"on_ack": lambda *_: heard.append("ack"), "on_reject": lambda *_, **__: heard.append("reject")}
        request = GuardedRequest(message, app=app, task=app.tasks[task], body=([], {}, {}), decoded=True, **ends)
        request.on_accepted(1, 0.0)
        return request, heard

    return make


def told(error):
    """An error as a child tells its worker."""
    try:
        raise error
    except type(error):
        return ExceptionInfo()


def test_a_try_that_found_no_database_is_heard(begun, of_this_process):
    request, heard = begun("effect")
    request.on_failure(told(Retry(exc=Unavailable("another worker does this now"), when=2.0)), return_ok=True)
    assert (heard, of_this_process.is_open()) == (["ack"], False)
    request, heard = begun("effect")
    request.on_failure(told(DatabaseAway(exc=Unavailable("away"), when=1.0)), return_ok=True)
    assert (heard, of_this_process.is_open()) == (["ack"], True)


def test_only_what_has_written_tells_that_the_database_is_there(begun, of_this_process):
    of_this_process.record_failure()
    begun("query")[0].acknowledge()
    begun("effect")[0].on_failure(told(InvalidPayload("type", [])), return_ok=True)
    assert of_this_process.is_open()
    begun("effect")[0].acknowledge()
    assert not of_this_process.is_open()
