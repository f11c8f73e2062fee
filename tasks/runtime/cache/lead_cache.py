"""A cache of what was computed of leads, which can give no stale answer and no answer about anyone erased.

A value is sealed with the lead's own data key and bound to its stamp: the version of the lead, and whatever else the
value was made of. Who asks has read version and key from the database a moment before, in the same transaction. A value
of another version, of another lead, or of one that was erased and came back, does not open, so it counts as not there.
A tier that does not answer counts as empty: the value is computed again.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from db.encryption import DataKey, KeyRing, associated_data
from db.errors import SealBroken
from tasks.runtime.cache.lookups import Lookups, lookups
from tasks.runtime.cache.tiers import LARGEST, ProcessTier, Tier, TierAway

log = structlog.get_logger(__name__)

#: seconds for which a value may be used, unless the settings say otherwise
SECONDS = 900.0
#: what every name begins with
PREFIX = "hearth.cache."
#: kinds of values
SNAPSHOT, READINGS, PROFILE = "snapshot", "readings", "profile"
KINDS = (SNAPSHOT, READINGS, PROFILE)
#: before each value, sealed with it: when it ends, in seconds since 1970
_ENDS = struct.Struct(">d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The place of one value of a lead. A lead has one of each kind: a newer value replaces the older one."""

    kind: str
    tenant_id: str
    lead_id: str
    #: what the value was made of, beside the lead; another stamp's value does not open
    stamp: tuple[str, ...]

    def name(self, ring: KeyRing) -> str:
        """Return the name by which tiers know the place: a keyed hash, of which nobody without the ring learns."""
        return PREFIX + self.kind + "." + ring.lookup(self.tenant_id, f"cache:{self.kind}:{self.lead_id}").hex()[:40]

    def binding(self) -> bytes:
        """Return what a sealed value is bound to."""
        return associated_data(self.tenant_id, f"cache.{self.kind}", self.lead_id, *self.stamp)


@dataclass(slots=True, kw_only=True)
class LeadCache:
    """Tiers that are asked in their order; what a later one has is copied into those before it."""

    tiers: Sequence[Tier] = ()
    #: for which a value may be used
    seconds: float = SECONDS
    counts: Lookups = field(default_factory=lambda: lookups)
    clock: Callable[[], float] = time.time

    def get(self, slot: Slot, key: DataKey, ring: KeyRing) -> bytes | None:
        """Return the value of a slot; None where no tier has one that opens, or it is too old."""
        name = slot.name(ring)
        for place, tier in enumerate(self.tiers):
            try:
                sealed = tier.get(name)
            except TierAway:
                self.counts.record(slot.kind, tier.name, "error")
                continue
            value = None if sealed is None else self._opened(sealed, slot, key)
            self.counts.record(slot.kind, tier.name, "miss" if value is None else "hit")
            if sealed is not None and value is not None:
                for earlier in self.tiers[:place]:
                    self._told(earlier, name, sealed)
                return value
        return None

    def put(self, slot: Slot, key: DataKey, ring: KeyRing, value: bytes) -> None:
        """Keep a value in every tier. It must stand in the database, committed, or follow from what stands there."""
        if not self.tiers or len(value) > LARGEST:
            return
        sealed = key.seal(_ENDS.pack(self.clock() + self.seconds) + value, slot.binding())
        name = slot.name(ring)
        for tier in self.tiers:
            self._told(tier, name, sealed)

    def forget(self, tenant_id: str, lead_ids: Sequence[str], ring: KeyRing) -> bool:
        """Drop all values of leads; return False where a tier could not be asked. What is left there opens no more."""
        places = (Slot(kind=kind, tenant_id=tenant_id, lead_id=lead, stamp=()) for lead in lead_ids for kind in KINDS)
        names = [slot.name(ring) for slot in places]
        dropped = True
        for tier in self.tiers:
            try:
                tier.drop(names)
            except TierAway:
                dropped = False
        return dropped

    def _opened(self, sealed: bytes, slot: Slot, key: DataKey) -> bytes | None:
        try:
            value = key.open(sealed, slot.binding())
        except SealBroken:
            return None
        (ends,) = _ENDS.unpack_from(value)
        return value[_ENDS.size :] if self.clock() < ends else None

    def _told(self, tier: Tier, name: str, sealed: bytes) -> None:
        try:
            tier.put(name, sealed)
        except TierAway:
            log.debug("cache_tier_away", tier=tier.name)


@dataclass(slots=True)
class _Binding:
    cache: LeadCache


#: without a worker that binds more, a process keeps its own values only
_bound = _Binding(LeadCache(tiers=(ProcessTier(SECONDS),)))


def bind(cache: LeadCache) -> None:
    """Make this the cache of the process."""
    _bound.cache = cache


def bound() -> LeadCache:
    """Return the cache of the process."""
    return _bound.cache
