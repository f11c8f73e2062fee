"""Feature vectors as of a moment, stored once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.base import new_id, utc
from db.errors import SealBroken, UnknownSnapshot, UnstorableValue
from db.models import Snapshot
from db.records import SnapshotDraft, SnapshotRecord
from db.repositories.leads import keys_of
from db.repositories.statements import changed, in_batches, insert_new
from db.sealing import DataKey, place

_Key = tuple[str, int, datetime, str]
_BATCH = 1_000


def save(session: Session, tenant_id: str, *, drafts: Sequence[SnapshotDraft]) -> list[str]:
    """Store snapshots and give their ids in the order given; one per (lead, lead version, bucket, feature schema), the
    first stays.

    Raises:
        UnknownLead: some lead is not there for this tenant; names positions among the drafts.
        UnstorableValue: a feature is not finite.

    """
    return [snapshot_id for snapshot_id, _ in _saved(session, tenant_id, drafts)]


def take(session: Session, tenant_id: str, *, drafts: Sequence[SnapshotDraft]) -> list[SnapshotRecord]:
    """Store snapshots as `save` does and give what is stored now; only those that were there before are read."""
    saved = _saved(session, tenant_id, drafts)
    before = [snapshot_id for snapshot_id, new in saved if not new]
    known = {record.snapshot_id: record for record in get(session, tenant_id, snapshot_ids=before)} if before else {}
    return [
        known[snapshot_id] if snapshot_id in known else _fresh(draft, snapshot_id)
        for draft, (snapshot_id, _) in zip(drafts, saved, strict=True)
    ]


def _saved(session: Session, tenant_id: str, drafts: Sequence[SnapshotDraft]) -> list[tuple[str, bool]]:
    keys = keys_of(session, tenant_id, lead_ids=[draft.lead_id for draft in drafts])
    stored: dict[_Key, str] = {}
    given: set[str] = set()
    for batch in in_batches(drafts, _BATCH):
        rows = [_row(draft, keys[draft.lead_id], tenant_id) for draft in batch]
        insert_new(session, Snapshot, rows)
        given.update(row["snapshot_id"] for row in rows)
        stored |= _stored(session, tenant_id, batch)
    ids = [stored[_key(draft)] for draft in drafts]
    return [(snapshot_id, snapshot_id in given) for snapshot_id in ids]


def _fresh(draft: SnapshotDraft, snapshot_id: str) -> SnapshotRecord:
    return SnapshotRecord(
        snapshot_id=snapshot_id,
        lead_id=draft.lead_id,
        lead_version=draft.lead_version,
        as_of=draft.as_of,
        feature_schema=draft.feature_schema,
        features=draft.features,
        label=None,
        label_at=None,
    )


def get(session: Session, tenant_id: str, *, snapshot_ids: Sequence[str]) -> list[SnapshotRecord]:
    """Give snapshots in the order asked.

    Raises:
        UnknownSnapshot: some are not there for this tenant.
        SealBroken: a stored one was changed or moved.

    """
    rows: list[Mapping[Any, Any]] = []
    for batch in in_batches(list(dict.fromkeys(snapshot_ids))):
        wanted = select(Snapshot.__table__).where(Snapshot.tenant_id == tenant_id, Snapshot.snapshot_id.in_(batch))
        rows += session.execute(wanted).mappings()
    found = {record.snapshot_id: record for record in _opened(session, tenant_id, rows)}
    missing = sum(snapshot_id not in found for snapshot_id in snapshot_ids)
    if missing:
        raise UnknownSnapshot(f"{missing} of {len(snapshot_ids)} snapshots are not there; take them again")
    return [found[snapshot_id] for snapshot_id in snapshot_ids]


def label(session: Session, tenant_id: str, *, lead_id: str, label: bool, label_at: datetime) -> int:
    """Label the lead's snapshots that were taken before the outcome; gives the number of those that changed."""
    before = update(Snapshot).where(
        Snapshot.tenant_id == tenant_id,
        Snapshot.lead_id == lead_id,
        Snapshot.as_of < label_at,
        (Snapshot.label.is_distinct_from(label)) | (Snapshot.label_at.is_distinct_from(label_at)),
    )
    values = before.values(label=label, label_at=label_at).execution_options(synchronize_session=False)
    return changed(session, values)


def labelled(session: Session, tenant_id: str) -> list[SnapshotRecord]:
    """Give all snapshots with a known outcome, by lead and time."""
    wanted = (
        select(Snapshot.__table__)
        .where(Snapshot.tenant_id == tenant_id, Snapshot.label.is_not(None))
        .order_by(Snapshot.lead_id, Snapshot.as_of, Snapshot.snapshot_id)
    )
    return _opened(session, tenant_id, list(session.execute(wanted).mappings()))


def _key(draft: SnapshotDraft) -> _Key:
    return draft.lead_id, draft.lead_version, utc(draft.bucket), draft.feature_schema


def _row(draft: SnapshotDraft, key: DataKey, tenant_id: str) -> dict[str, Any]:
    snapshot_id = new_id()
    return {
        "tenant_id": tenant_id,
        "snapshot_id": snapshot_id,
        "lead_id": draft.lead_id,
        "lead_version": draft.lead_version,
        "as_of": draft.as_of,
        "bucket": draft.bucket,
        "feature_schema": draft.feature_schema,
        "features": key.seal(_plain(draft.features), _place(tenant_id, snapshot_id)),
    }


def _plain(features: Mapping[str, float | str | None]) -> bytes:
    try:
        return json.dumps(dict(features), allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    except ValueError:
        raise UnstorableValue("features of a snapshot are finite numbers, levels or None") from None


def _stored(session: Session, tenant_id: str, drafts: Sequence[SnapshotDraft]) -> dict[_Key, str]:
    key = (Snapshot.lead_id, Snapshot.lead_version, Snapshot.bucket, Snapshot.feature_schema)
    wanted = select(*key, Snapshot.snapshot_id).where(
        Snapshot.tenant_id == tenant_id,
        Snapshot.lead_id.in_({draft.lead_id for draft in drafts}),
        Snapshot.bucket.in_({utc(draft.bucket) for draft in drafts}),
    )
    return {(row[0], row[1], row[2], row[3]): row[4] for row in session.execute(wanted)}


def _opened(session: Session, tenant_id: str, rows: Sequence[Mapping[Any, Any]]) -> list[SnapshotRecord]:
    keys = keys_of(session, tenant_id, lead_ids=[row["lead_id"] for row in rows])
    return [_record(row, keys[row["lead_id"]]) for row in rows]


def _record(row: Mapping[Any, Any], key: DataKey) -> SnapshotRecord:
    try:
        plain = key.open(row["features"], _place(row["tenant_id"], row["snapshot_id"]))
    except SealBroken as error:
        raise SealBroken(f"snapshots.features of snapshot {row['snapshot_id']}: {error}") from None
    return SnapshotRecord(
        snapshot_id=row["snapshot_id"],
        lead_id=row["lead_id"],
        lead_version=row["lead_version"],
        as_of=row["as_of"],
        feature_schema=row["feature_schema"],
        features=json.loads(plain),
        label=row["label"],
        label_at=row["label_at"],
    )


def _place(tenant_id: str, snapshot_id: str) -> bytes:
    return place(tenant_id, "snapshots.features", snapshot_id)
