"""The embedded cluster as one thing: broker, migrations, workers, beat and Flower, started and stopped together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from workers.settings import Settings


class Cluster:
    """A running cluster; a context manager that stops it warmly. SIGINT raises KeyboardInterrupt, SIGTERM and SIGHUP
    raise SystemExit(128 + signal) in the main thread; a second signal hastens the stop.
    """

    #: who serves: `{"pid", "redis_url", "flower_url", "flower_user"}`; redis_url is a secret
    facts: dict[str, object]
    flower_url: str | None

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Return when every worker answers a ping; raises ClusterFailed (a process gave up) or ClusterSlow."""
        raise NotImplementedError

    def wait(self) -> None:
        """Block until a signal ends it; raises ClusterFailed when a process gave up."""
        raise NotImplementedError

    def stop(self) -> None:
        """Warm stop: workers finish (30 s at most) or give back, the broker last. Twice is harmless. Not for attached."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How a command reached its cluster."""

    #: True when the cluster lives only as long as the command
    private: bool
    cluster: Cluster | None


def start(settings: Settings, *, flower: bool = True, beat: bool = True, fold: bool | None = None) -> Cluster:
    """Start the cluster in settings.home (or on settings.redis_url); raises ClusterRunning, BrokerNotFound, …"""
    raise NotImplementedError


def attach(settings: Settings) -> Cluster | None:
    """The cluster already running in settings.home, or None."""
    raise NotImplementedError


@contextmanager
def connected(settings: Settings, notice: object = print) -> Iterator[Connection]:
    """workers.app.app joined to REDIS_URL, else to a running cluster, else to a private one for the block."""
    raise NotImplementedError
