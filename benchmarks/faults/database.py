"""F8: a database that is away, read-only, crowded or locked."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from math import isfinite

from benchmarks.faults.load import Load
from benchmarks.faults.plan import Round
from benchmarks.faults.tally import Tally
from db import session as sessions
from db.encryption import KeyRing
from db.errors import DatabaseUnavailable
from db.repositories import tenants
from db.session import EVERY_TENANT, transaction
from migrations.commands import upgrade

Strike = Callable[[Round], None]


def f8(here: Round, tally: Tally) -> None:
    """One of four troubles of PostgreSQL under load; then a SQLite file that somebody else holds locked."""
    name, strike = STRIKES[here.number % len(STRIKES)]
    site, load = here.site, Load(site=here.site, random=here.random)
    load.begin(here.rate)
    time.sleep(here.seconds * (0.5 + here.random.random()))
    struck = time.monotonic()
    strike(here)
    ended = time.monotonic()
    tally.kills += 1
    load.end()
    back = site.recovered(load.tenant, ended)
    tally.must("a new job has its effect within 90 s after the trouble", hold=isfinite(back))
    if isfinite(back):
        tally.recoveries.append(back)
        tally.notes.setdefault("troubles", {}).setdefault(name, []).append(round(ended - struck + back, 2))
    load.settle(tally)


def locked_sqlite(here: Round, tally: Tally) -> None:
    """Another process holds the write lock: short, we wait and write once; long, the error says so."""
    path = here.site.home / f"locked-{here.number}.db"
    url = f"sqlite:///{path}"
    upgrade(url)
    sessions.configure(url, KeyRing.generate())
    try:
        waited = _locked(str(path), 1.0)
        tally.must("a write waits for a lock that goes", hold=waited is None)
        if here.whole:
            tally.must("a lock that stays is a clear error", hold=_locked(str(path), 35.0) == "DatabaseUnavailable")
    finally:
        sessions.configure(here.site.postgres.url, KeyRing.parse((here.site.home / "keys").read_text()))
    tally.kills += 1 + here.whole


def _locked(path: str, seconds: float) -> str | None:
    """What a write says that meets a lock of some seconds."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    timer = _later(seconds, lambda: other.execute("ROLLBACK"))
    try:
        with transaction(EVERY_TENANT) as session:
            tenants.configure(session, "t1", settings={}, actor="faults", now=_now())
    except DatabaseUnavailable as error:
        return type(error).__name__
    finally:
        timer.join()
        other.close()
    return None if time.monotonic() - began >= seconds * 0.9 else "did not wait"


def _later(seconds: float, do: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(seconds, do)
    timer.start()
    return timer


def _now() -> datetime:
    return datetime.now(UTC)


def _stopped(seconds: float) -> Strike:
    def stop(here: Round) -> None:
        here.site.postgres.stop()
        # in the quick form tries begin 25 times as soon: this is longer than six of them take
        time.sleep(seconds if here.whole else 3.0)
        here.site.postgres.start()

    return stop


def _read_only(here: Round) -> None:
    here.site.postgres.read_only(on=True)
    time.sleep(3)
    here.site.postgres.read_only(on=False)


def _crowded(here: Round) -> None:
    with here.site.postgres.crowded():
        time.sleep(3)


STRIKES: tuple[tuple[str, Strike], ...] = (
    ("stopped 2 s", _stopped(2.0)),
    ("read-only", _read_only),
    ("crowded", _crowded),
    ("stopped 60 s", _stopped(60.0)),
)
