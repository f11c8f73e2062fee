"""Signals: labels of scored snapshots, each stored once, in the order in which they were committed.

The places of a target are given under the tenant's lock, which is held until the commit: a reader who has seen a place
has seen every place before it. A place is never given twice; a hole is a signal that was erased with its lead.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil

from sqlalchemy import RowMapping, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.base import NewRow, new_id
from db.encryption import DataKey
from db.models import Lead, OnlineSignal, SignalCounter, Snapshot
from db.records import LabelDelay, SignalDraft, SignalRecord
from db.repositories.leads.lead_mapper import unwrap_data_key
from db.repositories.predictions.snapshots import open_features
from db.repositories.sql import among, in_batches, insert_many, on_postgresql, table_of
from db.session import keyring_of, lock_tenant
from domain.targets import Target

#: labels of a target from which its delay is measured, the newest ones
MEASURED = 2_000
_SIGNAL, _COUNTER = table_of(OnlineSignal), table_of(SignalCounter)
_LEAD, _SNAPSHOT = table_of(Lead), table_of(Snapshot)
_OWN = _SIGNAL.c.tenant_id == bindparam("tenant")
_STORED = (
    select(*(_SIGNAL.c[name] for name in ("target", "snapshot_id", "label", "revision", "origin")))
    .where(_OWN, among(_SIGNAL.c.snapshot_id, "snapshots"))
    .order_by(_SIGNAL.c.revision)
)
_AFTER = (
    select(*_SIGNAL.c, _SNAPSHOT.c.features, _LEAD.c.data_key)
    .join(
        _SNAPSHOT, (_SNAPSHOT.c.tenant_id == _SIGNAL.c.tenant_id) & (_SNAPSHOT.c.snapshot_id == _SIGNAL.c.snapshot_id)
    )
    .join(_LEAD, (_LEAD.c.tenant_id == _SIGNAL.c.tenant_id) & (_LEAD.c.lead_id == _SIGNAL.c.lead_id))
    .where(_OWN, _SIGNAL.c.target == bindparam("asked"), _SIGNAL.c.seq > bindparam("cursor"))
    .order_by(_SIGNAL.c.seq)
    .limit(bindparam("most"))
)
_COUNTS = (
    select(_SIGNAL.c.target, func.count().label("signals"))
    .where(_OWN)
    .group_by(_SIGNAL.c.target)
    .order_by(_SIGNAL.c.target)
)
_TIMES = (
    select(_SIGNAL.c.as_of, _SIGNAL.c.recorded_at)
    .where(_OWN, _SIGNAL.c.target == bindparam("asked"))
    .order_by(_SIGNAL.c.seq.desc())
    .limit(bindparam("most"))
)
_NEWEST = (
    select(_COUNTER.c.tenant_id, _COUNTER.c.target, _COUNTER.c.seq)
    .where(_COUNTER.c.seq > 0)
    .order_by(_COUNTER.c.tenant_id, _COUNTER.c.target)
)
#: by whether the statement is for PostgreSQL
_ADVANCE = {
    kind == postgresql: kind.insert(_COUNTER)
    .values(tenant_id=bindparam("tenant"), target=bindparam("of_target"), seq=bindparam("number"))
    .on_conflict_do_update(
        index_elements=[_COUNTER.c.tenant_id, _COUNTER.c.target], set_={"seq": _COUNTER.c.seq + bindparam("number")}
    )
    .returning(_COUNTER.c.seq)
    for kind in (postgresql, sqlite)
}


def add(session: Session, tenant_id: str, *, drafts: Sequence[SignalDraft], now: datetime) -> list[tuple[Target, int]]:
    """Store the labels that say something new; return target and place of each. It locks the tenant.

    A snapshot has one label a target. Another one that says the same is no news; one that contradicts it is stored as
    its next revision, unless it only says that a horizon passed where something had happened.

    Raises:
        StatementRefused: a lead or snapshot is not there for this tenant.

    """
    if not drafts:
        return []
    lock_tenant(session, tenant_id)
    rows = _new_rows(session, tenant_id, drafts, now)
    rows.sort(key=lambda row: row["target"])  # the order of drafts stays within a target
    added: list[tuple[Target, int]] = []
    for target, of_target in groupby(rows, key=lambda row: row["target"]):
        named = list(of_target)
        last = _advance(session, tenant_id, target, len(named))
        for seq, row in enumerate(named, last - len(named) + 1):
            row["seq"] = seq
            added.append((target, seq))
    insert_many(session, OnlineSignal, rows)
    return added


def after(session: Session, tenant_id: str, *, target: Target, cursor: int, limit: int) -> list[SignalRecord]:
    """Return the signals of a target behind a place, in order, at most `limit`; 0 is before the first.

    Raises:
        SealBroken: a stored snapshot was changed or moved.

    """
    ring, keys = keyring_of(session), dict[str, DataKey]()
    asked = {"tenant": tenant_id, "asked": target, "cursor": cursor, "most": limit}
    records: list[SignalRecord] = []
    for row in session.connection().execute(_AFTER, asked).mappings():
        if row["lead_id"] not in keys:
            keys[row["lead_id"]] = unwrap_data_key(ring, row)
        records.append(_record(row, keys[row["lead_id"]]))
    return records


def counts(session: Session, tenant_id: str) -> dict[Target, int]:
    """Return how many signals there are of each target; one without any is left out."""
    rows = session.connection().execute(_COUNTS, {"tenant": tenant_id})
    return {row.target: row.signals for row in rows}


def newest(session: Session) -> list[tuple[str, Target, int]]:
    """Return the newest place of every tenant and target, from the counters: no signal is read."""
    return [(tenant_id, target, seq) for tenant_id, target, seq in session.connection().execute(_NEWEST)]


def delays(session: Session, tenant_id: str, *, targets: Sequence[Target]) -> dict[Target, LabelDelay]:
    """Return how long after their snapshots the newest labels were known, by target; one without any is left out."""
    measured: dict[Target, LabelDelay] = {}
    for target in targets:
        asked = {"tenant": tenant_id, "asked": target, "most": MEASURED}
        times = sorted(recorded - as_of for as_of, recorded in session.connection().execute(_TIMES, asked))
        if times:
            measured[target] = LabelDelay(signals=len(times), p50=_quantile(times, 0.5), p90=_quantile(times, 0.9))
    return measured


def _new_rows(session: Session, tenant_id: str, drafts: Sequence[SignalDraft], now: datetime) -> list[NewRow]:
    """Return the rows of the labels that are news, without their places."""
    newest_labels = _stored(session, tenant_id, drafts)
    rows: list[NewRow] = []
    for draft in drafts:
        place = (draft.target, draft.snapshot_id)
        before = newest_labels.get(place)
        if before is not None and not _is_news(draft, before):
            continue
        row = _row(draft, tenant_id, now, revision=0 if before is None else before["revision"] + 1)
        newest_labels[place] = row
        rows.append(row)
    return rows


def _stored(session: Session, tenant_id: str, drafts: Sequence[SignalDraft]) -> dict[tuple[str, str], NewRow]:
    """Return the newest label of each target and snapshot that has one."""
    stored: dict[tuple[str, str], NewRow] = {}
    for batch in in_batches(sorted({draft.snapshot_id for draft in drafts})):
        for row in session.connection().execute(_STORED, {"tenant": tenant_id, "snapshots": batch}).mappings():
            stored[row["target"], row["snapshot_id"]] = dict(row)
    return stored


def _is_news(draft: SignalDraft, before: NewRow) -> bool:
    overruled: bool = draft.origin == "matured" and before["origin"] == "outcome"
    return bool(draft.label != before["label"]) and not overruled


def _row(draft: SignalDraft, tenant_id: str, now: datetime, *, revision: int) -> NewRow:
    return {
        "tenant_id": tenant_id,
        "signal_id": new_id(),
        "target": draft.target,
        "lead_id": draft.lead_id,
        "snapshot_id": draft.snapshot_id,
        "label": draft.label,
        "revision": revision,
        "origin": draft.origin,
        "occurred_at": draft.occurred_at,
        "as_of": draft.as_of,
        "recorded_at": now,
        "served_probability": draft.served_probability,
        "served_version": draft.served_version,
    }


def _advance(session: Session, tenant_id: str, target: str, number: int) -> int:
    advance = _ADVANCE[on_postgresql(session)]
    last: int = (
        session.connection().execute(advance, {"tenant": tenant_id, "of_target": target, "number": number}).scalar_one()
    )
    return last


def _record(row: RowMapping, key: DataKey) -> SignalRecord:
    return SignalRecord(
        seq=row["seq"],
        signal_id=row["signal_id"],
        target=row["target"],
        lead_id=row["lead_id"],
        snapshot_id=row["snapshot_id"],
        features=open_features(key, row["tenant_id"], row["snapshot_id"], row["features"]),
        label=row["label"],
        revision=row["revision"],
        occurred_at=row["occurred_at"],
        as_of=row["as_of"],
        recorded_at=row["recorded_at"],
        served_probability=row["served_probability"],
        served_version=row["served_version"],
        origin=row["origin"],
    )


def _quantile(ordered: Sequence[timedelta], share: float) -> timedelta:
    """Return the smallest value that at least this share of the values does not exceed."""
    return ordered[ceil(share * len(ordered)) - 1]
