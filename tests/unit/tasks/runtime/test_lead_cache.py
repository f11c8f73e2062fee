"""The cache: what it never gives back, and what happens when a tier is away."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection
from dataclasses import replace

import pytest

from db.encryption import DataKey, KeyRing
from tasks.runtime.cache.lead_cache import READINGS, SNAPSHOT, LeadCache, Slot
from tasks.runtime.cache.lookups import Lookups
from tasks.runtime.cache.tiers import LARGEST, ProcessTier, TierAway

RING, KEY = KeyRing.generate(), DataKey.generate()
SLOT = Slot(kind=SNAPSHOT, tenant_id="acme", lead_id="lead-1", stamp=("3", "schema"))


class Shared(ProcessTier):
    """Stands for Redis: processes share it, and it may be away."""

    name = "redis"
    away = False

    def get(self, name: str) -> bytes | None:
        if self.away:
            raise TierAway
        return super().get(name)

    def put(self, name: str, value: bytes) -> None:
        if self.away:
            raise TierAway
        super().put(name, value)

    def drop(self, names: Collection[str]) -> None:
        if self.away:
            raise TierAway
        super().drop(names)


@pytest.fixture
def shared() -> Shared:
    return Shared(900)


def process(shared: Shared) -> LeadCache:
    return LeadCache(tiers=(ProcessTier(900), shared), counts=Lookups())


def found(cache: LeadCache) -> dict[str, int]:
    counts = Counter[str]()
    for (_, tier, result), count in cache.counts.drain().items():
        counts[f"{tier} {result}"] += count
    return dict(counts)


def test_what_one_process_keeps_another_finds_and_then_has_itself(shared: Shared) -> None:
    one, other = process(shared), process(shared)
    one.put(SLOT, KEY, RING, b"told")
    assert other.get(SLOT, KEY, RING) == b"told"
    assert found(other) == {"process miss": 1, "redis hit": 1}
    assert other.get(SLOT, KEY, RING) == b"told"
    assert found(other) == {"process hit": 1}


@pytest.mark.parametrize(
    "slot",
    [
        replace(SLOT, stamp=("4", "schema")),
        replace(SLOT, stamp=("3", "newer")),
        replace(SLOT, stamp=("3schema",)),
        replace(SLOT, lead_id="lead-2"),
        replace(SLOT, tenant_id="other"),
        replace(SLOT, kind=READINGS),
    ],
)
def test_no_other_version_schema_lead_tenant_or_kind_gives_it_back(shared: Shared, slot: Slot) -> None:
    cache = process(shared)
    cache.put(SLOT, KEY, RING, b"told")
    assert cache.get(slot, KEY, RING) is None
    assert found(cache) == {"process miss": 1, "redis miss": 1}


def test_a_value_that_was_moved_to_another_name_does_not_open(shared: Shared) -> None:
    cache, other = process(shared), replace(SLOT, lead_id="lead-2")
    cache.put(SLOT, KEY, RING, b"told")
    sealed = shared.get(SLOT.name(RING))
    assert sealed is not None
    shared.put(other.name(RING), sealed)
    assert process(shared).get(other, KEY, RING) is None


def test_an_erased_lead_that_came_back_has_another_key_and_finds_nothing(shared: Shared) -> None:
    cache = process(shared)
    cache.put(SLOT, KEY, RING, b"told")
    assert cache.get(SLOT, DataKey.generate(), RING) is None


def test_what_is_forgotten_is_gone_from_every_tier(shared: Shared) -> None:
    cache = process(shared)
    cache.put(SLOT, KEY, RING, b"told")
    assert cache.forget("acme", ["lead-1"], RING)
    assert shared.get(SLOT.name(RING)) is None
    assert cache.get(SLOT, KEY, RING) is None


def test_a_tier_that_is_away_counts_as_empty_and_nothing_fails(shared: Shared) -> None:
    cache = process(shared)
    shared.away = True
    assert cache.get(SLOT, KEY, RING) is None
    cache.put(SLOT, KEY, RING, b"told")
    assert cache.get(SLOT, KEY, RING) == b"told"
    assert found(cache) == {"process miss": 1, "redis error": 1, "process hit": 1}
    assert not cache.forget("acme", ["lead-1"], RING)


def test_a_value_ends_with_its_time_also_where_a_copy_was_made_later(shared: Shared) -> None:
    now = time.time()
    one, other = process(shared), process(shared)
    one.clock = other.clock = lambda: now
    one.put(SLOT, KEY, RING, b"told")
    now += 800
    assert other.get(SLOT, KEY, RING) == b"told"
    now += 101
    assert other.get(SLOT, KEY, RING) is None
    assert one.get(SLOT, KEY, RING) is None


def test_no_tier_has_a_readable_byte_of_it_and_no_name_tells_of_whom_it_is(shared: Shared) -> None:
    cache = process(shared)
    cache.put(SLOT, KEY, RING, b"budget 450000")
    sealed = shared.get(SLOT.name(RING))
    assert sealed is not None
    assert b"budget" not in sealed
    assert "lead-1" not in SLOT.name(RING)
    assert "acme" not in SLOT.name(RING)
    assert SLOT.name(RING) != SLOT.name(KeyRing.generate())


def test_the_process_keeps_no_more_than_its_bytes_and_no_huge_value() -> None:
    tier = ProcessTier(900, most_bytes=1000)
    for number in range(20):
        tier.put(str(number), bytes(100))
    assert sum(tier.get(str(number)) is not None for number in range(20)) == 10
    cache = LeadCache(tiers=(ProcessTier(900),), counts=Lookups())
    cache.put(SLOT, KEY, RING, bytes(LARGEST + 1))
    assert cache.get(SLOT, KEY, RING) is None


def test_without_tiers_nothing_is_kept() -> None:
    cache = LeadCache(tiers=(), counts=Lookups())
    cache.put(SLOT, KEY, RING, b"told")
    assert cache.get(SLOT, KEY, RING) is None
    assert found(cache) == {}
