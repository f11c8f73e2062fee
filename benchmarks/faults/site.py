"""A cluster for faults: broker with AOF, PostgreSQL, two workers and the relay, each a process that can be struck."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis
from kombu.exceptions import OperationalError
from pydantic import SecretStr
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import URL, make_url, text

from benchmarks.faults import postgres
from benchmarks.faults.postgres import Postgres
from benchmarks.faults.processes import Processes
from benchmarks.faults.proxy import Proxy
from benchmarks.harness import forget_settings
from db import session as sessions
from db.errors import DatabaseUnavailable
from db.repositories import tenants
from migrations.commands import upgrade
from tasks.runtime.broker import queue_depth
from workers.app import app
from workers.base import database
from workers.base.settings import Settings
from workers.cluster import broker, embedded
from workers.cluster.addresses import free_port
from workers.cluster.supervisor import ProcessSpec
from workers.cluster.topology import Topology, processes, worker_specs

SHIM = "benchmarks.faults.shim"
WORKERS = ("interactive", "background")
RELAY = (sys.executable, "-P", "-m", "benchmarks.faults.relay")
#: shorter than in production, so that a round takes seconds
TIMES = {"HEARTH_REDO_AFTER": "4"}
#: seconds that anything here may take before we give up on it
PATIENCE = 90.0
TABLE = """CREATE TABLE fault_effects (id BIGSERIAL PRIMARY KEY, tenant_id TEXT NOT NULL, job TEXT NOT NULL,
 at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp())"""


@dataclass(slots=True, kw_only=True)
class Site:
    """A running cluster; this process is bound to its database and joined to its broker."""

    home: Path
    postgres: Postgres
    processes: Processes
    #: straight to the broker, whatever the workers go through
    broker: SecretStr
    #: in front of broker and database when the site has them
    proxies: Mapping[str, Proxy]
    #: how often a process ended that nobody had struck
    deaths: Counter[str] = field(default_factory=Counter)

    @property
    def client(self) -> Any:
        """The Celery app of a caller."""
        return app

    def redis(self) -> Any:
        """A client of the broker that does not try again."""
        url = self.broker.get_secret_value()
        return redis.Redis.from_url(url, socket_timeout=3, retry=Retry(NoBackoff(), 0))

    def tenant(self) -> str:
        """A new tenant."""
        tenant_id = f"t{uuid4().hex[:12]}"
        self.retried(
            lambda session: tenants.configure(session, tenant_id, settings={}, actor="faults", now=datetime.now(UTC))
        )
        return tenant_id

    def retried(self, write: Callable[[Any], Any]) -> Any:
        """Write something of ours, through whatever trouble the last fault left."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with sessions.transaction(sessions.EVERY_TENANT) as session:
                    return write(session)
            except DatabaseUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def rows(self, query: str, **values: Any) -> list[Any]:
        """What a query finds."""
        return list(self.retried(lambda session: list(session.execute(text(query), values))))

    def tell(self, name: str, content: str | None) -> None:
        """Write a file that the hands in the workers look at; None removes it."""
        path = self.home / name
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(content)

    def starts(self) -> Counter[str]:
        """How often each probe's body began."""
        return Counter(self._noted("starts"))

    def given_back(self, tenant_id: str) -> set[str]:
        """Task ids of a tenant's messages that were started after the broker had given them back."""
        noted = (line.partition(" ") for line in self._noted("given_back"))
        return {task_id for tenant, _, task_id in noted if tenant == tenant_id}

    def _noted(self, name: str) -> list[str]:
        path = self.home / name
        return path.read_text().splitlines() if path.exists() else []

    def recovered(self, tenant_id: str, since: float, *, queue: str = "ingest", seconds: float = PATIENCE) -> float:
        """Seconds from `since` (monotonic) until a job that is asked for now has its effect; inf when it has none."""
        job = f"back-{uuid4().hex[:12]}"
        asked = 0.0
        while time.monotonic() - since < seconds:
            if time.monotonic() - asked > 1:
                asked = time.monotonic()
                self.deaths.update(self.processes.revive())
                self._ask(tenant_id, job, queue)
            if self.rows("SELECT 1 FROM fault_effects WHERE job = :job", job=job):
                return time.monotonic() - since
            time.sleep(0.05)
        return float("inf")

    def ready(self, tenant_id: str) -> None:
        """Return when both workers work; raises RuntimeError when they do not."""
        began = time.monotonic()
        for queue in ("ingest", "batch"):
            if self.recovered(tenant_id, began, queue=queue) == float("inf"):
                raise RuntimeError(f"no worker of {queue} works: see {self.processes.logs}")

    def waiting(self) -> int:
        """Messages that the broker holds, in queues and unacknowledged."""
        client = self.redis()
        queues = [queue.name for queue in app.conf.task_queues]
        return int(sum(queue_depth.depths(client, queues).values()) + client.hlen("unacked"))

    def sweep(self) -> None:
        """Ask for the sweep that beat sends every 15 seconds; it runs once a slot, however often it is asked for."""
        with suppress(OperationalError):
            sent = app.send_task("hearth.backfill.sweep", queue="inference", retry=False, ignore_result=True, expires=5)
            sent.backend = None

    def _ask(self, tenant_id: str, job: str, queue: str) -> None:
        kwargs = {"tenant_id": tenant_id, "job": job, "idempotency_key": job}
        try:
            sent = app.send_task("faults.effect", kwargs=kwargs, queue=queue, retry=False, ignore_result=True)
            # else its destructor would look for a broker that may be gone
            sent.backend = None
        except OperationalError:
            return


@contextmanager
def site(
    *, env: Mapping[str, str] | None = None, beat: bool = True, proxied: bool = False, parent: Path | None = None
) -> Iterator[Site]:
    """A running cluster in a temporary home; nothing of it is left. `env` goes to all its processes."""
    forget_settings()
    with ExitStack() as stack:
        stack.enter_context(_ending())
        folder = stack.enter_context(_folder(parent))
        server = stack.enter_context(postgres.serving())
        # files to import lie beside the home: nothing in it is ever imported
        told = {**TIMES, "HEARTH_IMPORT_DIRS": str(folder), **(env or {})}
        running = _start(stack, folder / "home", server, told, beat=beat, proxied=proxied)
        yield running


@contextmanager
def _ending() -> Iterator[None]:
    """SIGTERM leaves the block as an exception, or what was started would stay."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _start(
    stack: ExitStack, home: Path, server: Postgres, env: Mapping[str, str], *, beat: bool, proxied: bool
) -> Site:
    settings = Settings(home=home, redis_url=None, database_url=SecretStr(server.url), keys=None)
    chosen = broker.prepare(settings)
    assert chosen.process is not None
    parts = Processes(logs=home / "logs")
    stack.callback(parts.stop)
    parts.add(chosen.process)
    parts.start("broker")
    broker.wait_for(chosen.url, lambda: None)
    embedded.join(chosen.url)
    _prepare(settings)
    stack.callback(sessions.dispose)
    proxies = _proxies(stack, chosen.url, server) if proxied else {}
    for spec in _specs(settings, chosen.url, proxies):
        parts.add(replace(spec, env={**(spec.env or {}), **env}))
        if spec.name != "beat" or beat:
            parts.start(spec.name)
    made = Site(home=home, postgres=server, processes=parts, broker=chosen.url, proxies=proxies)
    made.ready(made.tenant())
    return made


def _prepare(settings: Settings) -> None:
    upgrade(settings.database_url.get_secret_value())
    database.bind(settings)
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(text(TABLE))


def _proxies(stack: ExitStack, url: SecretStr, server: Postgres) -> dict[str, Proxy]:
    port = make_url(url.get_secret_value()).port
    assert port is not None
    made = {"broker": Proxy(("127.0.0.1", port)), "database": Proxy(server.socket)}
    for proxy in made.values():
        stack.callback(proxy.close)
    return made


def _specs(settings: Settings, url: SecretStr, proxies: Mapping[str, Proxy]) -> Iterator[ProcessSpec]:
    if proxies:
        own = make_url(url.get_secret_value()).set(port=proxies["broker"].port)
        url = SecretStr(own.render_as_string(hide_password=False))
        far = URL.create(
            "postgresql", postgres.ROLE, host="127.0.0.1", port=proxies["database"].port, database="hearth"
        )
        settings = settings.model_copy(update={"database_url": SecretStr(far.render_as_string(hide_password=False))})
    ports = {"flower_port": 0, "metrics_port": free_port()}
    plan = Topology(url=url, workers=worker_specs(fold=True), tasks=SHIM, beat=True, flower_auth=None, **ports)
    for spec in processes(plan, settings):
        if spec.name == "relay":
            yield replace(spec, argv=RELAY)
        elif spec.name in (*WORKERS, "beat"):
            yield spec


@contextmanager
def _folder(parent: Path | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="hearth-faults-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
