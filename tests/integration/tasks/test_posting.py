"""The fast path to the broker asks once; what it does not take is the relay's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from tasks.runtime.broker.publisher import quick_producer


class Slammed:
    """A port whose every connection is closed at once."""

    def __init__(self) -> None:
        self.calls = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                self.calls += 1
                caller.close()

    def close(self) -> None:
        """Listen no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def slammed() -> Iterator[Slammed]:
    port = Slammed()
    yield port
    port.close()


@pytest.fixture
def celery(slammed: Slammed) -> Iterator[Celery]:
    with Celery("test", set_as_current=False) as app:
        app.config_from_object("celeryconfig")
        app.conf.update(broker_url=slammed.url, broker_write_url=slammed.url, result_backend="disabled://")
        yield app


def test_a_broker_that_is_away_is_asked_once(celery: Celery, slammed: Slammed) -> None:
    with pytest.raises(OperationalError), quick_producer(celery) as producer:
        celery.send_task("t", producer=producer, retry=False, ignore_result=True)
    assert slammed.calls == 1


def test_every_wait_for_the_broker_is_short(celery: Celery) -> None:
    with quick_producer(celery) as producer:
        options = producer.__connection__.transport_options
    assert options["socket_timeout"] <= 0.5
    assert options["socket_connect_timeout"] <= 0.5
    assert options["visibility_timeout"] == celery.conf.visibility_timeout
