"""Find the snapshots of a few leads without reading and computing anything again: in the cache, then in the database.

A snapshot belongs to a lead's version, the scoring interval and the features known. The version was read in the same
transaction, so a snapshot of an older one is never found. What is found or taken is kept once it is committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from db.encryption import DataKey
from db.records import SnapshotRecord
from db.repositories.leads import leads
from db.repositories.predictions import snapshots
from db.session import Session, after_commit, keyring_of
from ml.features import SCHEMA_VERSION, fingerprint
from tasks.runtime.cache import lead_cache
from tasks.runtime.cache.lead_cache import PROFILE, SNAPSHOT, Slot

#: leads of one call up to which the cache is asked: more are read in one go, and hardly any of them again soon
FEW = 8
#: age of a scoring interval up to which its snapshots are cached: retention may delete older ones at any moment
NEW = timedelta(days=1)


def find(
    session: Session, tenant_id: str, *, versions: Mapping[str, int], bucket: datetime, now: datetime
) -> dict[str, SnapshotRecord]:
    """Return the snapshots that a few leads have at these versions, in this scoring interval; others are left out.

    Raises:
        UnknownLead: some are not there for this tenant; names their positions.

    """
    if not versions:
        return {}
    keys = leads.data_keys(session, tenant_id, lead_ids=list(versions))
    found = {
        lead_id: record
        for lead_id, version in versions.items()
        if now - bucket < NEW
        and (record := _cached(session, _slot(tenant_id, lead_id, version, bucket), keys[lead_id])) is not None
    }
    rest = {lead_id: version for lead_id, version in versions.items() if lead_id not in found}
    if not rest:
        return found
    stored = snapshots.of_bucket(session, tenant_id, versions=rest, bucket=bucket, feature_schema=SCHEMA_VERSION)
    for lead_id in rest:
        lead_cache.bound().counts.record(SNAPSHOT, "database", "hit" if lead_id in stored else "miss")
    keep(session, tenant_id, list(stored.values()), bucket=bucket, now=now)
    return found | stored


def keep(session: Session, tenant_id: str, taken: Sequence[SnapshotRecord], *, bucket: datetime, now: datetime) -> None:
    """Put snapshots of one scoring interval into the cache once the session has committed."""
    if not taken or not lead_cache.bound().tiers or now - bucket >= NEW:
        return
    keys = leads.data_keys(session, tenant_id, lead_ids=[snapshot.lead_id for snapshot in taken])
    ring = keyring_of(session)

    def put() -> None:
        for snapshot in taken:
            slot = _slot(tenant_id, snapshot.lead_id, snapshot.lead_version, bucket)
            lead_cache.bound().put(slot, keys[snapshot.lead_id], ring, _encoded(snapshot))

    after_commit(session, put)


def find_with_profiles(
    session: Session, tenant_id: str, *, lead_ids: Sequence[str], snapshot_ids: Sequence[str]
) -> list[SnapshotRecord] | None:
    """Return the snapshots of a few leads with their profiles, in order; None unless the cache has all of them.

    A snapshot never changes, so its id says which it is. The session must have read the leads a moment before.
    """
    keys, ring = leads.data_keys(session, tenant_id, lead_ids=lead_ids), keyring_of(session)
    found: list[SnapshotRecord] = []
    for lead_id, snapshot_id in zip(lead_ids, snapshot_ids, strict=True):
        value = lead_cache.bound().get(_profile_slot(tenant_id, lead_id, snapshot_id), keys[lead_id], ring)
        if value is None:
            return None
        found.append(_decoded(orjson.loads(value)))
    return found


def keep_profiles(session: Session, tenant_id: str, taken: Sequence[SnapshotRecord]) -> None:
    """Put snapshots with their profiles into the cache once the session has committed."""
    keys = leads.data_keys(session, tenant_id, lead_ids=[snapshot.lead_id for snapshot in taken])
    ring = keyring_of(session)

    def put() -> None:
        for snapshot in taken:
            slot = _profile_slot(tenant_id, snapshot.lead_id, snapshot.snapshot_id)
            lead_cache.bound().put(slot, keys[snapshot.lead_id], ring, _encoded(snapshot))

    after_commit(session, put)


def _profile_slot(tenant_id: str, lead_id: str, snapshot_id: str) -> Slot:
    return Slot(kind=PROFILE, tenant_id=tenant_id, lead_id=lead_id, stamp=(snapshot_id,))


def _cached(session: Session, slot: Slot, key: DataKey) -> SnapshotRecord | None:
    value = lead_cache.bound().get(slot, key, keyring_of(session))
    return None if value is None else _decoded(orjson.loads(value))


def _slot(tenant_id: str, lead_id: str, version: int, bucket: datetime) -> Slot:
    stamp = (str(version), SCHEMA_VERSION, fingerprint(), bucket.isoformat())
    return Slot(kind=SNAPSHOT, tenant_id=tenant_id, lead_id=lead_id, stamp=stamp)


def _encoded(snapshot: SnapshotRecord) -> bytes:
    """Return what a scorer needs of a snapshot; its label is none of that, and may change."""
    return orjson.dumps(
        {
            "snapshot_id": snapshot.snapshot_id,
            "lead_id": snapshot.lead_id,
            "lead_version": snapshot.lead_version,
            "as_of": snapshot.as_of.isoformat(),
            "feature_schema": snapshot.feature_schema,
            "features": dict(snapshot.features),
            "profile": snapshot.profile,
        }
    )


def _decoded(stored: dict[str, Any]) -> SnapshotRecord:
    as_of = datetime.fromisoformat(stored["as_of"])
    return SnapshotRecord(**{**stored, "as_of": as_of, "label": None, "label_at": None})
