"""Feature snapshots: vectors as of a time, sealed with the lead's key, each stored once."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson
from sqlalchemy import Executable, RowMapping, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from db.base import NewRow, new_id, to_json, utc
from db.encryption import DataKey, associated_data
from db.errors import SealBroken, UnknownSnapshot
from db.models import Lead, Snapshot
from db.records import SnapshotDraft, SnapshotRecord
from db.repositories.leads.lead_mapper import unwrap_data_key
from db.repositories.leads.leads import data_keys
from db.repositories.sql import among, in_batches, insert_new_returning, rowcount, table_of
from db.session import keyring_of

_Key = tuple[str, int, datetime, str]
_BATCH = 1_000
_TABLE, _LEAD = table_of(Snapshot), table_of(Lead)
_OWN = _TABLE.c.tenant_id == bindparam("tenant")
_STORED = select(
    *(_TABLE.c[name] for name in ("lead_id", "lead_version", "bucket", "feature_schema", "snapshot_id"))
).where(_OWN, among(_TABLE.c.lead_id, "leads"), _TABLE.c.bucket.in_(bindparam("buckets", expanding=True)))
_WITH_KEY = (
    # without the profiles, which are large and of use to hardly any reader
    select(*(column for column in _TABLE.c if column.name != "profile"), _LEAD.c.data_key)
    .join(_LEAD, (_LEAD.c.tenant_id == _TABLE.c.tenant_id) & (_LEAD.c.lead_id == _TABLE.c.lead_id))
    .where(_OWN)
)
_NAMED = _WITH_KEY.where(among(_TABLE.c.snapshot_id, "snapshots"))
_NAMED_WITH_PROFILE = _NAMED.add_columns(_TABLE.c.profile)
_OF_BUCKET = _WITH_KEY.where(
    among(_TABLE.c.lead_id, "leads"),
    _TABLE.c.bucket == bindparam("bucket"),
    _TABLE.c.feature_schema == bindparam("schema"),
)
_PURGE = update(_TABLE).where(_TABLE.c.profile.is_not(None), _TABLE.c.as_of < bindparam("before")).values(profile=None)
_LABELLED = _WITH_KEY.where(_TABLE.c.label.is_not(None)).order_by(
    _TABLE.c.lead_id, _TABLE.c.as_of, _TABLE.c.snapshot_id
)


def save(session: Session, tenant_id: str, *, drafts: Sequence[SnapshotDraft]) -> list[str]:
    """Store snapshots and return their ids in the order given.

    There is one per (lead, lead version, bucket, feature schema), and the first one stays.

    Raises:
        UnknownLead: some lead is not there for this tenant; names positions among the drafts.
        UnstorableValue: a feature is not finite.

    """
    return [snapshot_id for snapshot_id, _ in _saved(session, tenant_id, drafts)]


def insert(session: Session, tenant_id: str, *, drafts: Sequence[SnapshotDraft]) -> list[SnapshotRecord]:
    """Store snapshots as `save` does and return their records; only those that were stored before are read."""
    saved = _saved(session, tenant_id, drafts)
    before = [snapshot_id for snapshot_id, new in saved if not new]
    stored = {record.snapshot_id: record for record in get(session, tenant_id, snapshot_ids=before)} if before else {}
    return [
        stored[snapshot_id] if snapshot_id in stored else _new_record(draft, snapshot_id)
        for draft, (snapshot_id, _) in zip(drafts, saved, strict=True)
    ]


def _saved(session: Session, tenant_id: str, drafts: Sequence[SnapshotDraft]) -> list[tuple[str, bool]]:
    keys = data_keys(session, tenant_id, lead_ids=[draft.lead_id for draft in drafts])
    saved: list[tuple[str, bool]] = []
    for batch in in_batches(drafts, _BATCH):
        rows = [_row(draft, keys[draft.lead_id], tenant_id) for draft in batch]
        fresh = insert_new_returning(session, Snapshot, rows, "snapshot_id")
        stored = _stored(session, tenant_id, batch) if len(fresh) < len(rows) else {}
        for draft, row in zip(batch, rows, strict=True):
            new = row["snapshot_id"] in fresh
            saved.append((row["snapshot_id"] if new else stored[_key(draft)], new))
    return saved


def _new_record(draft: SnapshotDraft, snapshot_id: str) -> SnapshotRecord:
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


def get(
    session: Session, tenant_id: str, *, snapshot_ids: Sequence[str], with_profiles: bool = False
) -> list[SnapshotRecord]:
    """Return snapshots in the order requested; with the profiles behind their features where asked for and stored.

    Raises:
        UnknownSnapshot: some are not there for this tenant.
        SealBroken: a stored one was changed or moved.

    """
    by_id: dict[str, SnapshotRecord] = {}
    for batch in in_batches(list(dict.fromkeys(snapshot_ids))):
        query = _NAMED_WITH_PROFILE if with_profiles else _NAMED
        records = _read(session, query, tenant=tenant_id, snapshots=batch)
        by_id |= {record.snapshot_id: record for record in records}
    missing = sum(snapshot_id not in by_id for snapshot_id in snapshot_ids)
    if missing:
        raise UnknownSnapshot(f"{missing} of {len(snapshot_ids)} snapshots are not there; take them again")
    return [by_id[snapshot_id] for snapshot_id in snapshot_ids]


def of_bucket(
    session: Session, tenant_id: str, *, versions: Mapping[str, int], bucket: datetime, feature_schema: str
) -> dict[str, SnapshotRecord]:
    """Return the snapshots of leads, at these versions, that a scoring interval has; leads without one are left out.

    Raises:
        SealBroken: a stored one was changed or moved.

    """
    parameters = {"tenant": tenant_id, "leads": sorted(versions), "bucket": utc(bucket), "schema": feature_schema}
    records = _read(session, _OF_BUCKET, **parameters)
    return {record.lead_id: record for record in records if versions[record.lead_id] == record.lead_version}


def purge_profiles(session: Session, *, before: datetime) -> int:
    """Remove the profiles of every tenant's snapshots as of earlier moments; return how many."""
    return session.connection().execute(_PURGE, {"before": utc(before)}).rowcount


def newest_at(
    session: Session, tenant_id: str, *, lead_ids: Sequence[str], dates: Sequence[datetime]
) -> dict[str, list[SnapshotRecord]]:
    """Return the snapshots that were a lead's newest at any of these dates, by lead, oldest first, each once.

    Raises:
        SealBroken: a stored one was changed or moved.

    """
    by_lead: dict[str, list[SnapshotRecord]] = defaultdict(list)
    for batch in in_batches(lead_ids, _BATCH) if dates else ():
        records = _read(session, _newest_at(sorted(dates)), tenant=tenant_id, leads=batch)
        for record in sorted(records, key=lambda record: (record.as_of, record.snapshot_id)):
            by_lead[record.lead_id].append(record)
    return dict(by_lead)


def _newest_at(dates: Sequence[datetime]) -> Executable:
    # The newest snapshot between two dates is the newest at the later date; without one there, an older one still is.
    until = case(*((_TABLE.c.as_of <= date, number) for number, date in enumerate(dates)))
    newest = (_TABLE.c.as_of.desc(), _TABLE.c.snapshot_id.desc())
    place_of = func.row_number().over(partition_by=(_TABLE.c.lead_id, until), order_by=newest).label("place")
    these = (_OWN, among(_TABLE.c.lead_id, "leads"), _TABLE.c.as_of <= dates[-1])
    ranked = select(_TABLE.c.snapshot_id, place_of).where(*these).subquery()
    named = select(ranked.c.snapshot_id).where(ranked.c.place == 1)
    # without ORDER BY, for which SQLite would read all rows of the tenant
    return _WITH_KEY.where(_TABLE.c.snapshot_id.in_(named))


def label(session: Session, tenant_id: str, *, lead_id: str, label: bool, label_at: datetime) -> int:
    """Label the lead's snapshots that were taken before the outcome; return the number of snapshots changed."""
    before = update(Snapshot).where(
        Snapshot.tenant_id == tenant_id,
        Snapshot.lead_id == lead_id,
        Snapshot.as_of < label_at,
        (Snapshot.label.is_distinct_from(label)) | (Snapshot.label_at.is_distinct_from(label_at)),
    )
    values = before.values(label=label, label_at=label_at).execution_options(synchronize_session=False)
    return rowcount(session, values)


def labelled(session: Session, tenant_id: str) -> list[SnapshotRecord]:
    """Return all snapshots with a known outcome, by lead and time."""
    return _read(session, _LABELLED, tenant=tenant_id)


def open_features(key: DataKey, tenant_id: str, snapshot_id: str, sealed: bytes) -> Mapping[str, float | str | None]:
    """Return a snapshot's features, for a reader that has its row.

    Raises:
        SealBroken: they were changed or moved.

    """
    try:
        features: Mapping[str, float | str | None] = orjson.loads(key.open(sealed, _place(tenant_id, snapshot_id)))
    except SealBroken as error:
        raise SealBroken(f"snapshots.features of snapshot {snapshot_id}: {error}") from None
    return features


def _key(draft: SnapshotDraft) -> _Key:
    return draft.lead_id, draft.lead_version, utc(draft.bucket), draft.feature_schema


def _row(draft: SnapshotDraft, key: DataKey, tenant_id: str) -> NewRow:
    snapshot_id = new_id()
    return {
        "tenant_id": tenant_id,
        "snapshot_id": snapshot_id,
        "lead_id": draft.lead_id,
        "lead_version": draft.lead_version,
        "as_of": draft.as_of,
        "bucket": draft.bucket,
        "feature_schema": draft.feature_schema,
        "features": key.seal(_to_bytes(draft.features), _place(tenant_id, snapshot_id)),
        "profile": _sealed_profile(draft, key, tenant_id, snapshot_id),
    }


def _to_bytes(features: Mapping[str, float | str | None]) -> bytes:
    return to_json(dict(features)).encode()


def _sealed_profile(draft: SnapshotDraft, key: DataKey, tenant_id: str, snapshot_id: str) -> bytes | None:
    if draft.profile is None:
        return None
    packed = zlib.compress(to_json(dict(draft.profile)).encode(), level=1)
    return key.seal(packed, _profile_place(tenant_id, snapshot_id))


def _stored(session: Session, tenant_id: str, drafts: Sequence[SnapshotDraft]) -> dict[_Key, str]:
    leads, buckets = {draft.lead_id for draft in drafts}, {utc(draft.bucket) for draft in drafts}
    parameters = {"tenant": tenant_id, "leads": sorted(leads), "buckets": sorted(buckets)}
    rows = session.connection().execute(_STORED, parameters)
    return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}


def _read(session: Session, query: Executable, **parameters: object) -> list[SnapshotRecord]:
    ring = keyring_of(session)
    rows = session.connection().execute(query, parameters).mappings()
    return [_record(row, unwrap_data_key(ring, row)) for row in rows]


def _record(row: RowMapping, key: DataKey) -> SnapshotRecord:
    tenant_id, snapshot_id = row["tenant_id"], row["snapshot_id"]
    sealed_profile = row.get("profile")
    try:
        features = key.open(row["features"], _place(tenant_id, snapshot_id))
        packed = None if sealed_profile is None else key.open(sealed_profile, _profile_place(tenant_id, snapshot_id))
    except SealBroken as error:
        raise SealBroken(f"snapshots.features or snapshots.profile of snapshot {snapshot_id}: {error}") from None
    return SnapshotRecord(
        snapshot_id=row["snapshot_id"],
        lead_id=row["lead_id"],
        lead_version=row["lead_version"],
        as_of=row["as_of"],
        feature_schema=row["feature_schema"],
        features=orjson.loads(features),
        label=row["label"],
        label_at=row["label_at"],
        profile=None if packed is None else orjson.loads(zlib.decompress(packed)),
    )


def _profile_place(tenant_id: str, snapshot_id: str) -> bytes:
    return associated_data(tenant_id, "snapshots.profile", snapshot_id)


def _place(tenant_id: str, snapshot_id: str) -> bytes:
    return associated_data(tenant_id, "snapshots.features", snapshot_id)
