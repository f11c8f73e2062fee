"""The cache of leads: no stale answer however reads and writes fall, how fast a hit is, and what it saves a score.

Two caches stand for two processes: each has a memory of its own, and one Redis is theirs together. Two readers and a
writer of one lead take steps in a random order, each in a transaction of its own: a reader asks for the version, then
the cache, then the database, then keeps what it computed. A seed gives the order again. Most of the orders are tried on
SQLite, where a step takes no other process; PostgreSQL shows a reader what was committed within its transaction.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from pydantic import SecretStr
from sqlalchemy import text

from benchmarks import harness
from benchmarks.features_batch import made
from benchmarks.figures import Figures, Outcome, Ratio, median, percentile, rounded, spread
from benchmarks.harness import SEED, Kind
from db import session as sessions
from db.encryption import DataKey
from db.records import SnapshotDraft
from db.repositories.leads import leads
from db.repositories.leads.lead_mapper import wrap_data_key
from db.repositories.predictions import snapshots
from db.session import Session, after_commit, keyring_of, reading, transaction
from migrations import commands
from ml.features import SCHEMA_VERSION, extract
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.outcomes import record
from tasks.runtime.cache import lead_cache
from tasks.runtime.cache.lead_cache import LeadCache, Slot
from tasks.runtime.cache.lookups import Lookups
from tasks.runtime.cache.tiers import ProcessTier, Tier
from tasks.runtime.files import workspace
from tasks.services.leads import snapshot_cache
from tasks.tenants import configure
from workers.base import database
from workers.base.cache_tier import RedisTier
from workers.base.settings import Settings
from workers.cluster import broker
from workers.cluster.supervisor import Supervisor

T = "bench"
LEADS = 4
#: ms for a hit in the process's memory, the value opened and decoded
HIT_GOAL = 0.2
#: share of the writes that erase the lead and bring it back: another key, and versions from 1 again
REBORN = 0.05
_WRITE = text("UPDATE leads SET version = :version, stage = :content, data_key = :key WHERE lead_id = :lead")

#: one step of an actor, then another's turn
Steps = Iterator[None]
Begin = Callable[[str], AbstractContextManager[Session]]


@dataclass(slots=True)
class Truth:
    """What the writer has committed, and what readers found wrong."""

    #: lead -> its birth and version
    now: dict[str, tuple[int, int]]
    reads: int = 0
    hits: int = 0
    writes: int = 0
    stale: int = 0
    keys: dict[tuple[str, int], DataKey] = field(default_factory=dict)

    def shown(self, orders: int) -> Figures:
        """As JSON."""
        found = {"reads": self.reads, "from_the_cache": self.hits, "writes": self.writes, "stale": self.stale}
        return {"interleavings": orders, **found}


def measure(quick: bool) -> Outcome:
    """Interleavings first, then the times of hits, then scores with and without the cache."""
    orders: dict[Kind, int] = (
        {"sqlite": 2_000, "postgresql": 100} if quick else {"sqlite": 100_000, "postgresql": 2_000}
    )
    lookups, asked = (1_000, 20) if quick else (20_000, 300)
    figures: Figures = {}
    with _redis() as redis_url:
        for kind, number in orders.items():
            with _database(kind):
                truth = _interleaved(redis_url, _leads(LEADS), number, reading if kind == "sqlite" else transaction)
            figures[kind] = truth.shown(number)
        with _database("postgresql"):
            hits = _hits(redis_url, _leads(1)[0], lookups)
            scores = _scores(redis_url, asked)
    stale = sum(figures[kind]["stale"] for kind in orders)
    figures["hit_ms"] = {name: spread(taken) for name, taken in hits.items()}
    figures["score_ms"] = {name: spread(taken) for name, taken in scores.items()}
    figures["score_with_a_hit_over_read_again"] = rounded(median(scores["process"]) / median(scores["read_again"]))
    ratios = {
        "stale": Ratio(
            value=stale, goal=0, better="lower", of=f"stale answers in {sum(orders.values())} interleavings"
        ),
        "hit_ms": Ratio(
            value=percentile(hits["process"], 0.95), goal=HIT_GOAL, better="lower", of="p95 of a hit in the process"
        ),
    }
    return Outcome(data="simulated leads", rows=LEADS, seed=SEED, figures=figures, ratios=ratios)


@contextmanager
def _redis() -> Iterator[str]:
    with TemporaryDirectory(prefix="hearth-bench-") as folder:
        supervisor = Supervisor(logs=Path(folder) / "logs")
        chosen = broker.prepare(Settings(home=Path(folder), redis_url=None, keys=None))
        try:
            assert chosen.process is not None, "without an address of one's own the broker is embedded"
            supervisor.add(chosen.process)
            broker.wait_for(chosen.url, supervisor.check)
            yield chosen.url.get_secret_value()
        finally:
            supervisor.stop()


@contextmanager
def _database(kind: Kind) -> Iterator[None]:
    """Bind this process to an empty database; SQLite lies in memory where it can: a disk changes no order."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="hearth-bench-home-", dir=_memory())))
        url = stack.enter_context(harness.postgresql()) if kind == "postgresql" else f"sqlite:///{folder / 'hearth.db'}"
        database.bind(Settings(home=folder, database_url=SecretStr(url), redis_url=None, keys=None))
        stack.callback(sessions.dispose)
        commands.upgrade(url)
        workspace.bind(folder, import_roots=[])
        yield


def _memory() -> str | None:
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() else None


def _leads(number: int) -> list[str]:
    configure(tenant_id=T, settings={"scoring_interval": 86_400})
    told = [{"external_id": f"L{each}", "showings": each, "lead_type": "buyer"} for each in range(number)]
    lead_ids: list[str] = upsert(tenant_id=T, leads=told)["data"]["lead_ids"]
    return lead_ids


def _interleaved(redis_url: str, lead_ids: Sequence[str], number: int, begin: Begin) -> Truth:
    """Let two readers and a writer of one lead take their steps in a random order, `number` times."""
    chance = random.Random(SEED)
    shared = RedisTier(redis_url, 900)
    caches = [LeadCache(tiers=(ProcessTier(900), shared), counts=Lookups()) for _ in range(2)]
    truth = Truth(now=dict.fromkeys(lead_ids, (0, 0)))
    for lead_id in lead_ids:
        _run([_write(lead_id, truth, chance)], chance)
    for _ in range(number):
        lead_id = chance.choice(lead_ids)
        actors: list[Steps] = [_read(cache, lead_id, truth, begin) for cache in caches]
        if chance.random() < 0.5:
            actors.append(_write(lead_id, truth, chance))
        _run(actors, chance)
    shared.close()
    return truth


def _run(actors: list[Steps], chance: random.Random) -> None:
    while actors:
        actor = chance.choice(actors)
        try:
            next(actor)
        except StopIteration:
            actors.remove(actor)


def _read(cache: LeadCache, lead_id: str, truth: Truth, begin: Begin) -> Steps:
    """Read a lead as a task does; a stale answer is one from before the version that was read first."""
    with begin(T) as session:
        [state] = leads.states(session, T, lead_ids=[lead_id], open_keys=True)
        key, ring = leads.data_keys(session, T, lead_ids=[lead_id])[lead_id], keyring_of(session)
        at_least = _content(state.stage)
        yield
        slot = Slot(kind="snapshot", tenant_id=T, lead_id=lead_id, stamp=(str(state.version),))
        value = cache.get(slot, key, ring)
        yield
        if value is None:
            value = orjson.dumps(_content(_stage_of(session, lead_id)))
            yield
            told = value
            after_commit(session, lambda: cache.put(slot, key, ring, told))
        else:
            truth.hits += 1
    truth.reads += 1
    truth.stale += tuple(orjson.loads(value)) < at_least


def _write(lead_id: str, truth: Truth, chance: random.Random) -> Steps:
    """Change a lead and raise its version; now and then it is another lead with the same id."""
    birth, version = truth.now[lead_id]
    reborn = version == 0 or chance.random() < REBORN
    birth, version = (birth + 1, 1) if reborn else (birth, version + 1)
    with transaction(T) as session:
        if reborn:
            truth.keys[lead_id, birth] = DataKey.generate()
        key = wrap_data_key(keyring_of(session), T, lead_id, truth.keys[lead_id, birth])
        content = f"{birth} {version}"
        session.execute(_WRITE, {"version": version, "content": content, "key": key, "lead": lead_id})
        yield
    truth.now[lead_id] = (birth, version)
    truth.writes += 1


def _stage_of(session: Session, lead_id: str) -> str | None:
    [state] = leads.states(session, T, lead_ids=[lead_id])
    return state.stage


def _content(stage: str | None) -> tuple[int, ...]:
    return tuple(map(int, (stage or "").split()))


def _hits(redis_url: str, lead_id: str, number: int) -> dict[str, list[float]]:
    """Milliseconds to find a snapshot of usual size in each tier: named, opened and decoded."""
    now = datetime.now(UTC)
    features = extract(made(1, 6, 4)).to_rows()[0]
    with transaction(T) as session:
        [state] = leads.states(session, T, lead_ids=[lead_id])
        draft = SnapshotDraft(
            lead_id=lead_id,
            lead_version=state.version,
            as_of=now,
            bucket=now,
            feature_schema=SCHEMA_VERSION,
            features=features,
        )
        snapshots.insert(session, T, drafts=[draft])
    shared = RedisTier(redis_url, 900)
    tiers: dict[str, tuple[Tier, ...]] = {"process": (ProcessTier(900),), "redis": (shared,), "database": ()}
    taken: dict[str, list[float]] = {}
    for name, those in tiers.items():
        lead_cache.bind(LeadCache(tiers=those, counts=Lookups()))
        with reading(T) as session:
            leads.states(session, T, lead_ids=[lead_id], open_keys=True)
            find = partial(snapshot_cache.find, session, T, versions={lead_id: state.version}, bucket=now, now=now)
            # the first ones fill the tier
            taken[name] = [_milliseconds(find) for _ in range(number + 10)][10:]
            # what others do to a busy machine is no part of this
            taken[f"{name}_processor_time"] = [_milliseconds(find, time.thread_time) for _ in range(number)]
    shared.close()
    return taken


def _scores(redis_url: str, number: int) -> dict[str, list[float]]:
    """Milliseconds of `hearth.leads.score` of one unchanged lead, its transaction included; the ways take turns."""
    told = [{"external_id": f"S{each}", "showings": each % 5, "lead_type": "buyer"} for each in range(number)]
    lead_ids: list[str] = upsert(tenant_id=T, leads=told)["data"]["lead_ids"]
    days = [(datetime.now(UTC) - timedelta(days=1 + day)).isoformat() for day in range(8)]
    for lead_id in lead_ids:
        subject = {"lead_id": lead_id}
        record(tenant_id=T, outcomes=[{"subject": subject, "type": "replied", "at": at} for at in days])
    shared, few = RedisTier(redis_url, 900), snapshot_cache.FEW
    own = LeadCache(tiers=(ProcessTier(900), shared), counts=Lookups())
    ways = {
        "first_time": (own, few),
        "process": (own, few),
        "redis": (LeadCache(tiers=(shared,), counts=Lookups()), few),
        "database": (LeadCache(tiers=(), counts=Lookups()), few),
        "read_again": (LeadCache(tiers=(), counts=Lookups()), 0),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for lead_id in lead_ids:
        for name, (cache, most) in ways.items():
            lead_cache.bind(cache)
            snapshot_cache.FEW = most
            taken[name].append(_milliseconds(partial(_score, lead_id)))
    snapshot_cache.FEW = few
    shared.close()
    return taken


def _score(lead_id: str) -> object:
    return score(tenant_id=T, lead_id=lead_id)


def _milliseconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    work()
    return 1000 * (clock() - started)


if __name__ == "__main__":
    harness.run("cache", measure)
