"""Run a step again and again until told to stop; wait while the broker or the database is away."""

from __future__ import annotations

import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from kombu.exceptions import BatchPublishError, OperationalError
from redis.exceptions import RedisError

from db.errors import DatabaseUnavailable, SchemaOutdated
from workers.base import database
from workers.base.errors import WorkersError
from workers.base.settings import Settings
from workers.telemetry import figures, logs

log = structlog.get_logger(__name__)

#: what passes by itself: the service waits and goes on
TRANSIENT_ERRORS = (DatabaseUnavailable, SchemaOutdated, OperationalError, BatchPublishError, RedisError, OSError)
#: seconds of the first wait when something is away, and the most
BACKOFF, BACKOFF_LIMIT = 0.2, 5.0


@dataclass(slots=True)
class Service:
    """The loop around a step; `stop` ends it after the current step."""

    name: str
    #: seconds between two steps that found nothing to do
    idle: float = 0.2
    _stopping: threading.Event = field(default_factory=threading.Event)
    #: tells the broker that this process lives, for the metrics
    reporter: figures.Reporter | None = None
    _report_due: float = 0.0
    #: passing troubles in a row
    _troubles: int = 0

    def stop(self) -> None:
        """End the loop after the current step; safe from any thread or signal handler."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Return whether the loop is to end."""
        return self._stopping.is_set()

    def run(self, step: Callable[[], bool]) -> None:
        """Call `step` until `stop`; again at once when it returns True, else after `idle` seconds."""
        while not self.stopping:
            self._report()
            try:
                more = step()
            except TRANSIENT_ERRORS as error:
                self._stopping.wait(self._patience(error))
                continue
            self._recovered()
            if not more:
                self._stopping.wait(self.idle)

    def _report(self) -> None:
        if self.reporter is not None and time.monotonic() >= self._report_due:
            self._report_due = time.monotonic() + figures.INTERVAL
            self.reporter.report()

    def _patience(self, error: Exception) -> float:
        self._troubles += 1
        most = min(BACKOFF * 2.0 ** min(self._troubles, 16), BACKOFF_LIMIT)
        log.warning("waiting", service=self.name, error=type(error).__name__, troubles=self._troubles)
        return most * (0.5 + random.random() / 2)

    def _recovered(self) -> None:
        if self._troubles:
            log.info("recovered", service=self.name, troubles=self._troubles)
            self._troubles = 0


def prepare_process(service: Service, chosen: Settings) -> None:
    """Prepare this process: configure JSON logs, bind the database, stop on SIGTERM or SIGINT."""
    logs.configure(chosen.log_level)
    try:
        database.begin(chosen)
    except WorkersError as error:
        raise SystemExit(str(error)) from None
    service.reporter = figures.Reporter(chosen.broker().get_secret_value(), f"{service.name}@{socket.gethostname()}")
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: service.stop())
    log.info("started", service=service.name)
