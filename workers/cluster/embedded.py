"""Start and stop the embedded cluster: broker, migrations, workers, relay, deliverer, beat and Flower."""

from __future__ import annotations

import atexit
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from kombu.exceptions import OperationalError
from pydantic import SecretStr

from domain.documents import JsonMapping, JsonObject
from workers.app import app
from workers.base import atomic_files, database
from workers.base.errors import ClusterRunning, ClusterSlow
from workers.base.settings import Settings, read_cluster
from workers.cluster import broker
from workers.cluster.addresses import Addresses, Notice
from workers.cluster.locks import Lock
from workers.cluster.result_cleanup import release
from workers.cluster.signals import Signals
from workers.cluster.supervisor import Supervisor
from workers.cluster.topology import Topology, processes, worker_specs
from workers.cluster.watchdog import Patience, Stopped, Watch, Watcher

#: seconds until a cluster must be ready
READY = 60.0
#: the module that workers load
TASKS = "workers.bootstrap"


@dataclass(slots=True, kw_only=True)
class Cluster:
    """A running cluster; leaving its `with` block stops it warmly.

    While it runs, SIGINT raises KeyboardInterrupt in the main thread, SIGTERM and SIGHUP raise
    SystemExit(128 + signal). During the stop a further signal hastens it: workers requeue their tasks at once. An
    attached cluster belongs to another process: it takes no signals and `stop` leaves it alone.
    """

    settings: Settings
    #: what cluster.json says: pid, workers, metrics_url, flower_url, flower_user; secret: redis_url, flower_password
    facts: JsonMapping = field(default_factory=dict, repr=False)
    _supervisor: Supervisor | None = field(default=None, repr=False)
    _lock: Lock | None = field(default=None, repr=False)
    _signals: Signals | None = field(default=None, repr=False)
    _watcher: Watcher | None = field(default=None, repr=False)

    @property
    def flower_url(self) -> str | None:
        """Return Flower's URL; None when it does not run."""
        return self.facts.get("flower_url")

    def pids(self) -> Mapping[str, int]:
        """Return the main process id of each part by name; empty when attached."""
        return self._supervisor.pids() if self._supervisor else {}

    def wait_ready(self, timeout: float = READY) -> None:
        """Return when every worker answers a ping and Flower accepts connections.

        Raises:
            ClusterFailed: a process crashed again and again.
            ClusterSlow: not within `timeout` seconds.

        """
        deadline = time.monotonic() + timeout
        while not (self._workers_answer() and self._flower_listens()):
            self.check()
            if time.monotonic() > deadline:
                raise ClusterSlow(f"the cluster is not ready after {timeout:.0f} s: see {self.settings.home / 'logs'}")
            time.sleep(0.05)
        if self._supervisor:
            self._supervisor.proven()

    def check(self) -> None:
        """Return while all is well; raises ClusterFailed when a process crashed again and again."""
        if self._supervisor:
            self._supervisor.check()

    def wait(self) -> None:
        """Block until a signal; raises ClusterFailed when a process gave up. Returns when an attached cluster ended."""
        while self._supervisor or read_cluster(self.settings):
            self.check()
            time.sleep(0.25)

    def stop(self) -> None:
        """Stop warmly: workers finish what they do (25 s) or give it back, the broker goes last. Twice is harmless."""
        if self._signals:
            self._signals.stopping()
        if self._watcher:
            self._watcher.stop()
        if self._supervisor:
            release(app)
            self._supervisor.stop()
            self.settings.cluster_file.unlink(missing_ok=True)
        if self._lock:
            self._lock.release()
        if self._signals:
            self._signals.restore()
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _workers_answer(self) -> bool:
        names = [f"{name}@{socket.gethostname()}" for name in self.facts["workers"]]
        try:
            replies = app.control.ping(destination=names, timeout=0.5, limit=len(names)) or []
        except OperationalError:
            return False
        return {name for reply in replies for name in reply} >= set(names)

    def _flower_listens(self) -> bool:
        if not self.flower_url:
            return True
        host, _, port = self.flower_url.removeprefix("http://").partition(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The cluster that a command uses, and whether it is private to it."""

    #: True when the cluster lives only as long as the block
    private: bool
    #: None when REDIS_URL names a broker: who serves it is not ours to know
    cluster: Cluster | None


def start(
    settings: Settings,
    *,
    flower: bool = True,
    beat: bool = True,
    fold: bool | None = None,
    tasks: str = TASKS,
    patience: Patience | None = None,
    notice: Notice = print,
) -> Cluster:
    """Start the cluster of settings.home and join workers.app to it; `wait_ready` returns when it answers.

    A worker that consumes nothing for longer than `patience` is restarted. Ports and passwords are those of the last
    start; `notice` is called when a port has to be another one.

    Raises:
        ClusterRunning: it runs already.
        BrokerNotFound, BrokerSilent, BrokerForbids, ClusterFailed, HomeNotPrivate, KeysUnreadable: as they say.

    """
    atomic_files.restrict_to_owner(settings.home)
    lock = Lock(settings.home / "cluster.lock")
    if not lock.acquire():
        raise ClusterRunning(f"the cluster of {settings.home} is running; stop it first, or use it")
    supervisor = Supervisor(logs=settings.home / "logs")
    signals = Signals(supervisor.hasten)
    cluster = Cluster(settings=settings, _supervisor=supervisor, _lock=lock, _signals=signals)
    # should an exception slip past the `with` block
    atexit.register(cluster.stop)
    signals.install()
    addresses = Addresses.of(settings, notice)
    try:
        url = _start_broker(settings, supervisor, addresses)
        workers = worker_specs(fold=fold)
        plan = _plan(settings, url, addresses, flower=flower, beat=beat, workers=workers, tasks=tasks)
        _start_processes(cluster, supervisor, plan)
        cluster._watcher = _watcher(supervisor, plan, patience or Patience())  # noqa: SLF001 - of this module
        cluster._watcher.start()  # noqa: SLF001
    except BaseException:
        cluster.stop()
        raise
    return cluster


def attach(settings: Settings) -> Cluster | None:
    """Return the cluster running in settings.home, with workers.app joined to it; None when none runs."""
    facts = read_cluster(settings)
    if not facts or not broker.answers(SecretStr(facts["redis_url"])):
        return None
    join(SecretStr(facts["redis_url"]))
    return Cluster(settings=settings, facts=facts)


@contextmanager
def connected(settings: Settings, notice: Notice = print, *, tasks: str = TASKS) -> Iterator[Connection]:
    """Join workers.app to REDIS_URL, else to the running cluster, else to a private one until the block ends.

    A second command shares the private cluster; the owner waits for such guests before it stops. `notice` is called
    with each step that takes time.
    """
    if settings.redis_url:
        join(settings.redis_url)
        yield Connection(private=False, cluster=None)
        return
    users = Lock(settings.home / "cluster.users")
    cluster = _guest_of(settings, users) or _private(settings, users, notice, tasks)
    try:
        cluster.wait_ready()
        yield Connection(private=bool(cluster.pids()), cluster=cluster)
        if cluster.pids():
            _wait_for_guests(users, notice)
    finally:
        # a guest leaves, an owner stops
        cluster.stop()
        users.release()


def join(url: SecretStr) -> None:
    """Connect workers.app to the broker at `url`, whatever it was connected to before."""
    text = url.get_secret_value()
    release(app)
    app.conf.update(broker_url=text, broker_read_url=text, broker_write_url=text, result_backend=text)
    # Celery keeps its first connections; it has no public way to let them go but a fork
    app._after_fork()  # noqa: SLF001
    app._backend = app._get_backend()  # noqa: SLF001


def _guest_of(settings: Settings, users: Lock) -> Cluster | None:
    """Return the running cluster; our share of the users' lock keeps it from stopping."""
    if users.acquire(shared=True) and (cluster := attach(settings)):
        return cluster
    users.release()
    return None


def _private(settings: Settings, users: Lock, notice: Notice, tasks: str) -> Cluster:
    """Return a cluster of our own, or the one of a process that was faster."""
    deadline = time.monotonic() + READY
    notice("no cluster is running: starting a private one for this command")
    while time.monotonic() < deadline:
        try:
            return start(settings, flower=False, tasks=tasks, notice=notice)
        except ClusterRunning:
            time.sleep(0.2)
        if cluster := _guest_of(settings, users):
            return cluster
    raise ClusterSlow(f"another command has been starting or stopping the cluster of {settings.home} for a minute")


def _wait_for_guests(users: Lock, notice: Notice) -> None:
    if not users.acquire():
        notice("another command uses this cluster: waiting for it (Ctrl-C stops the cluster now)")
        while not users.acquire():
            time.sleep(0.1)


def _start_broker(settings: Settings, supervisor: Supervisor, addresses: Addresses) -> SecretStr:
    chosen = broker.prepare(settings, addresses=addresses)
    if chosen.process:
        supervisor.add(chosen.process)
    broker.wait_for(chosen.url, supervisor.check)
    broker.check_rights(chosen.url)
    join(chosen.url)
    return chosen.url


def _plan(settings: Settings, url: SecretStr, addresses: Addresses, *, flower: bool, **chosen: Any) -> Topology:
    return Topology(
        url=url,
        flower_auth=_flower_auth(settings, addresses) if flower else None,
        flower_port=settings.flower_port or (addresses.port("flower") if flower else 0),
        metrics_port=settings.metrics_port or addresses.port("metrics"),
        **chosen,
    )


def _flower_auth(settings: Settings, addresses: Addresses) -> SecretStr:
    return settings.flower_auth or SecretStr(f"hearth:{addresses.password('flower').get_secret_value()}")


def _start_processes(cluster: Cluster, supervisor: Supervisor, plan: Topology) -> None:
    # the key ring is made here, so that the workers find it
    database.begin(cluster.settings)
    _migrate(cluster.settings)
    for spec in processes(plan, cluster.settings):
        supervisor.add(spec)
    cluster.facts = _facts(plan)
    atomic_files.replace(cluster.settings.cluster_file, json.dumps(cluster.facts))


def _watcher(supervisor: Supervisor, plan: Topology, patience: Patience) -> Watcher:
    names = {f"{worker.name}@{socket.gethostname()}": worker.name for worker in plan.workers}

    def restart(stopped: Stopped) -> None:
        supervisor.restart(names[stopped.name], stopped.pid, code=stopped.code, seconds=round(stopped.seconds))

    return Watcher(Watch(plan.url, tuple(names), patience), restart)


def _migrate(settings: Settings) -> None:
    # Alembic takes 0.4 s to import, and most commands start no cluster
    from migrations.commands import upgrade

    upgrade(settings.database_url.get_secret_value())


def _facts(plan: Topology) -> JsonMapping:
    facts: JsonObject = {
        "pid": os.getpid(),
        "redis_url": plan.url.get_secret_value(),
        "workers": [worker.name for worker in plan.workers],
        "metrics_url": f"http://127.0.0.1:{plan.metrics_port}/metrics",
    }
    if plan.flower_auth:
        user, _, password = plan.flower_auth.get_secret_value().partition(":")
        facts |= {
            "flower_url": f"http://127.0.0.1:{plan.flower_port}",
            "flower_user": user,
            "flower_password": password,
        }
    return facts
