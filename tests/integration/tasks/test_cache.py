"""The cache behind scores: a real database, a real Redis, two processes' memories; no answer is stale, none is lost."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from sqlalchemy import select

from db.models import Snapshot
from db.repositories.predictions import assessments
from db.session import after_commit, keyring_of, reading, transaction
from ml.features import extract
from tasks import pipelines
from tasks.contracts.base.wire import to_wire
from tasks.leads.assessment_stages import snapshot_stage
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.privacy.rights import forget, restrict
from tasks.runtime.cache import lead_cache
from tasks.runtime.cache.lead_cache import KINDS, LeadCache, Slot
from tasks.runtime.cache.lookups import Lookups
from tasks.runtime.cache.tiers import ProcessTier
from tasks.services.leads import profiles
from tasks.services.leads.predictions import load_snapshots
from tasks.services.leads.scoring import lead_score_view
from tasks.services.models import model_registry
from tasks.services.models.model_kinds import LEAD_SCORE
from tasks.tenants import configure
from tests.support.broker import running
from tests.support.statements import counted
from workers.base.cache_tier import REST, RedisTier

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

T = "acme"
#: one scoring interval is a day: hardly ever does a test see two
DAY = {"scoring_interval": 86_400}


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("cache")) as url:
        yield url


@pytest.fixture(autouse=True)
def cache(redis_url: str) -> Iterator[LeadCache]:
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    before, tier = lead_cache.bound(), RedisTier(redis_url, 900)
    made = LeadCache(tiers=(ProcessTier(900), tier), counts=Lookups())
    lead_cache.bind(made)
    yield made
    lead_cache.bind(before)
    tier.close()


@pytest.fixture
def lead_id(database: str) -> str:
    configure(tenant_id=T, settings=DAY)
    [made] = upsert(tenant_id=T, leads=[{"external_id": "L1", "showings": 1, "lead_type": "buyer"}])["data"]["lead_ids"]
    return str(made)


def another_process(cache: LeadCache) -> LeadCache:
    """The same Redis, and a memory of its own."""
    return LeadCache(tiers=(ProcessTier(900), cache.tiers[1]), counts=Lookups())


def asked(lead_id: str, **more: Any) -> dict[str, Any]:
    answer = score(tenant_id=T, lead_id=lead_id, **more)
    assert answer["status"] == "ok"
    return dict(answer["data"]["lead"])


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def lookups(cache: LeadCache) -> set[tuple[str, str, str]]:
    return set(cache.counts.drain())


def test_an_unchanged_lead_is_not_read_again_by_this_process_or_another(lead_id: str, cache: LeadCache) -> None:
    first = asked(lead_id)
    assert ("snapshot", "database", "miss") in lookups(cache)
    for process in (cache, another_process(cache)):
        lead_cache.bind(process)
        with counted() as statements:
            assert asked(lead_id) == first
        assert not [text for text in statements if "leads.custom" in text or "INTO snapshots" in text]
        assert not [text for text in statements if "FROM snapshots" in text]
    assert ("snapshot", "redis", "hit") in lookups(lead_cache.bound())


def test_without_redis_the_database_has_it(lead_id: str) -> None:
    first = asked(lead_id)
    lead_cache.bind(LeadCache(tiers=(), counts=Lookups()))
    with counted() as statements:
        assert asked(lead_id) == first
    assert not [text for text in statements if "leads.custom" in text or "INTO snapshots" in text]
    assert lookups(lead_cache.bound()) == {("snapshot", "database", "hit")}


def test_a_lead_that_changed_is_read_again_by_every_process(lead_id: str, cache: LeadCache) -> None:
    other, first = another_process(cache), asked(lead_id)
    lead_cache.bind(other)
    assert asked(lead_id) == first
    upsert(tenant_id=T, leads=[{"external_id": "L1", "showings": 4}])
    for process in (other, cache):
        lead_cache.bind(process)
        assert asked(lead_id)["probability"] != first["probability"]


def test_another_scoring_interval_has_another_snapshot(lead_id: str) -> None:
    asked(lead_id)
    with counted() as statements:
        asked(lead_id, as_of=(datetime.now(UTC) - timedelta(days=2)).isoformat())
    assert [text for text in statements if "INTO snapshots" in text]


def test_what_was_rolled_back_is_not_kept(lead_id: str, cache: LeadCache) -> None:
    kept: list[str] = []
    with suppress(ZeroDivisionError), transaction(T) as session:
        after_commit(session, lambda: kept.append("after an error"))
        raise ZeroDivisionError
    with transaction(T) as session:
        after_commit(session, lambda: kept.append("before a rollback"))
        session.rollback()
    with transaction(T) as session:
        savepoint = session.begin_nested()
        after_commit(session, lambda: kept.append("within a savepoint"))
        savepoint.rollback()
        after_commit(session, lambda: kept.append("after a savepoint"))
    with reading(T) as session:
        after_commit(session, lambda: kept.append("in a reading session"))
    assert kept == ["after a savepoint", "in a reading session"]
    assert score(tenant_id=T, lead_id=lead_id, dry_run=True)["status"] == "ok"
    assert ("snapshot", "database", "miss") in lookups(cache)
    asked(lead_id)
    assert ("snapshot", "database", "miss") in lookups(cache), "the snapshot of a dry run is nowhere"


def test_a_redis_that_is_frozen_fails_nothing_and_is_not_asked_again_until_it_has_rested(lead_id: str) -> None:
    moment = 0.0
    tier = RedisTier(lead_cache_url(), 900, clock=lambda: moment)
    lead_cache.bind(LeadCache(tiers=(tier,), counts=Lookups()))
    first = asked(lead_id)
    with redis.Redis.from_url(lead_cache_url()) as client:
        client.client_pause(1000)
    paused = time.monotonic()
    assert asked(lead_id) == first
    assert ("snapshot", "redis", "error") in lookups(lead_cache.bound())
    time.sleep(max(0.0, paused + 1.2 - time.monotonic()))
    assert asked(lead_id) == first
    assert ("snapshot", "redis", "error") in lookups(lead_cache.bound()), "it rests"
    moment = REST + 1
    assert asked(lead_id) == first
    assert lookups(lead_cache.bound()) == {("snapshot", "redis", "hit")}
    tier.close()


def test_a_redis_that_is_away_fails_nothing(lead_id: str) -> None:
    tier = RedisTier("redis://127.0.0.1:1/0", 900)
    lead_cache.bind(LeadCache(tiers=(ProcessTier(900), tier), counts=Lookups()))
    first = asked(lead_id)
    lead_cache.bind(LeadCache(tiers=(tier,), counts=Lookups()))
    assert asked(lead_id) == first


def lead_cache_url() -> str:
    tier = lead_cache.bound().tiers[-1]
    assert isinstance(tier, RedisTier)
    return tier.url


def test_erasure_empties_redis_and_what_a_process_has_opens_no_more(lead_id: str, cache: LeadCache) -> None:
    asked(lead_id)
    with reading(T) as session:
        ring = keyring_of(session)
    names = [Slot(kind=kind, tenant_id=T, lead_id=lead_id, stamp=()).name(ring) for kind in KINDS]
    shared = cache.tiers[1]
    assert any(shared.get(name) for name in names)
    assert forget(tenant_id=T, lead_id=lead_id, reason="test")["status"] == "ok"
    assert not any(shared.get(name) for name in names)


def test_a_restricted_lead_gets_no_answer_from_the_cache(lead_id: str) -> None:
    asked(lead_id)
    restrict(tenant_id=T, lead_id=lead_id, restricted=True)
    assert score(tenant_id=T, lead_id=lead_id)["status"] == "blocked"


def test_what_redis_has_shows_nothing_of_the_lead(lead_id: str, cache: LeadCache) -> None:
    upsert(tenant_id=T, leads=[{"external_id": "L1", "custom": {"Garden": "very-telling-text"}}])
    asked(lead_id)
    with redis.Redis.from_url(lead_cache_url()) as client:
        names = client.keys("hearth.cache.*")
        assert names
        assert all(lead_id.encode() not in name and T.encode() not in name for name in names)
        assert all(b"very-telling" not in client.get(name) and b"showings" not in client.get(name) for name in names)
        assert all(0 < client.pttl(name) <= 900_000 for name in names)


def test_answers_of_two_processes_are_those_without_a_cache_however_writes_fall_between(cache: LeadCache) -> None:
    configure(tenant_id=T, settings=DAY)
    chance = random.Random(7)
    told = [{"external_id": f"L{number}", "showings": number} for number in range(3)]
    lead_ids = upsert(tenant_id=T, leads=told)["data"]["lead_ids"]
    processes = (cache, another_process(cache))
    changes, seen = 0, set[float]()
    for _ in range(80):
        lead_id = chance.choice(lead_ids)
        if chance.random() < 0.3:
            changes += 1
            changed = {"external_id": f"L{lead_ids.index(lead_id)}", "showings": changes % 5, "offers": changes // 5}
            upsert(tenant_id=T, leads=[changed])
            continue
        lead_cache.bind(chance.choice(processes))
        answer = asked(lead_id)
        lead_cache.bind(LeadCache(tiers=()))
        assert asked(lead_id) == answer
        assert answer | scored_anew(lead_id) == answer
        seen.add(answer["probability"])
    assert {("snapshot", "process", "hit"), ("snapshot", "redis", "hit")} <= lookups(processes[0])
    assert len(seen) > 5


def scored_anew(lead_id: str) -> dict[str, Any]:
    """The score of the lead as it is stored now, without any snapshot."""
    with reading(T) as session:
        champion = model_registry.champion(session, T, {}, LEAD_SCORE)
        taken_at = session.scalars(select(Snapshot.as_of).where(Snapshot.lead_id == lead_id)).all()
        [stored] = profiles.load(session, T, [lead_id], max(taken_at))
    lead = champion.scorer.score(extract([stored.profile]))[0]
    return {"lead_id": lead_id, **to_wire(lead_score_view(lead, {}))}


def test_the_stages_of_an_assessment_find_what_the_first_one_read(lead_id: str, cache: LeadCache) -> None:
    with transaction(T) as session:
        now = datetime.now(UTC)
        stages = ["snapshot", *pipelines.STAGES]
        run = assessments.create(session, T, lead_ids=[lead_id], as_of=now, due_at=now, stages=stages, now=now)
    call = {"tenant_id": T, "assessment_id": run.assessment_id}
    assert snapshot_stage(**call)["data"]["state"] == "ok"
    found = {}
    for name, process in {"cache": another_process(cache), "database": LeadCache(tiers=(), counts=Lookups())}.items():
        lead_cache.bind(process)
        with reading(T) as session, counted() as statements:
            record_now = assessments.get(session, T, assessment_id=run.assessment_id)
            assert record_now is not None
            found[name] = load_snapshots(session, T, record_now)
        assert bool([text for text in statements if "FROM snapshots" in text]) == (name == "database")
    assert found["cache"] == found["database"]
    upsert(tenant_id=T, leads=[{"external_id": "L1", "dnd_call": True, "dnd_sms": True, "dnd_email": True}])
    lead_cache.bind(cache)
    with reading(T) as session:
        _, [stored] = load_snapshots(session, T, record_now)
    assert stored.ended == "no_contact", "a refusal after the snapshot counts"
