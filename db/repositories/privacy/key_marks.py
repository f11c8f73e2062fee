"""Check at the start that the key ring is the one that sealed this database, rather than fail at the first use.

Key marks decide it with one small query. Where they cannot (a new key, or a database older than the marks), every table
is searched for a value that was sealed under a key that the ring does not hold.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, LargeBinary, Text, cast, func, inspect, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.encryption import KeyRing, associated_data, sealing_key_id
from db.errors import SealBroken
from db.models import (
    ApiKey,
    KeyMark,
    Lead,
    ModelLineage,
    ModelVersion,
    OutboxEntry,
    PoolLineage,
    QuarantinedMessage,
    RawEvent,
    RejectedEntry,
    TenantSettings,
    Tombstone,
)
from db.repositories.jobs.schedule_locks import EVERYBODY
from db.repositories.sql import insert_new
from db.session import keyring_of


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRingCheck:
    """The result of checking a key ring against a database."""

    #: the first table with a value that the ring does not open; None: it opens all
    foreign_table: str | None
    #: whether the ring has keys whose marks the database could store and has not
    unmarked: bool


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that is sealed under the ring, with the associated data of its values."""

    sealed: InstrumentedAttribute[bytes] | InstrumentedAttribute[bytes | None]
    #: the table argument of `associated_data`
    name: str
    row: tuple[InstrumentedAttribute[object], ...]

    @property
    def table(self) -> str:
        return str(self.sealed.class_.__tablename__)

    def sample(self, session: Session, *where: ColumnElement[bool]) -> tuple[bytes, bytes] | None:
        """Return one sealed value with its associated data, or None."""
        by_ring = _part(self.sealed, 1, 1) == b"\x01"
        query = select(self.sealed, self.sealed.class_.tenant_id, *self.row).where(by_ring, *where).limit(1)
        value = session.execute(query).first()
        return None if value is None else (value[0], associated_data(value[1], self.name, *map(str, value[2:])))


_SEALED = (
    _Column(Lead.data_key, "leads.data_key", (Lead.lead_id,)),
    _Column(ModelVersion.artifact, "model_versions.artifact", (ModelVersion.model_id, ModelVersion.version)),
    _Column(ModelLineage.leads, "model_lineages.leads", (ModelLineage.model_id,)),
    _Column(PoolLineage.leads, "model_lineages.leads", (PoolLineage.model_id,)),
    _Column(QuarantinedMessage.content, "quarantine.content", (QuarantinedMessage.quarantine_id,)),
    _Column(OutboxEntry.sealed_kwargs, "outbox.sealed_kwargs", (OutboxEntry.outbox_id,)),
    _Column(ApiKey.sealed_secret, "api_keys.sealed_secret", (ApiKey.key_id,)),
    _Column(RawEvent.payload, "raw_events.payload", (RawEvent.raw_id,)),
    _Column(
        RejectedEntry.cells,
        "rejected_rows.cells",
        (RejectedEntry.backfill_id, RejectedEntry.number, RejectedEntry.position),
    ),
)
_SETTINGS = str(TenantSettings.__tablename__)


def table_needing_ring(session: Session) -> str | None:
    """Return the first table that is useless without the ring that it was written with; None where there is none."""
    existing = _tables(session)
    for column in _sealed(session, existing):
        if column.sample(session):
            return column.table
    if _SETTINGS in existing and next(_secrets(session), None):
        return _SETTINGS
    # another ring would never find these hashes again: erased people could be imported
    tombstones = str(Tombstone.__tablename__)
    any_stored = tombstones in existing and session.execute(select(Tombstone.tenant_id).limit(1)).first()
    return tombstones if any_stored else None


def check(session: Session) -> KeyRingCheck:
    """Check whether the session's key ring opens the database; the database may have no tables at all."""
    ring, existing = keyring_of(session), _tables(session)
    has_marks = str(KeyMark.__tablename__) in existing
    rows = session.execute(select(KeyMark.key_id, KeyMark.mark)).all() if has_marks else ()
    stored = {row.key_id: row.mark for row in rows}
    marks = ring.marks()
    unmarked = has_marks and not marks.keys() <= stored.keys()
    if any(marks.get(key_id, mark) != mark for key_id, mark in stored.items()):
        return KeyRingCheck(foreign_table=str(KeyMark.__tablename__), unmarked=unmarked)
    if stored and marks.keys() == stored.keys():
        return KeyRingCheck(foreign_table=None, unmarked=False)
    # without a common key the hashes are another ring's as well
    other_ring = bool(stored) and marks.keys().isdisjoint(stored)
    return KeyRingCheck(
        foreign_table=table_needing_ring(session) if other_ring else _foreign_table(session, ring, existing),
        unmarked=unmarked,
    )


def save(session: Session, *, now: datetime) -> None:
    """Store the marks of the session's ring; those that are stored stay as they are."""
    rows = [
        {"tenant_id": EVERYBODY, "key_id": key_id, "mark": mark, "created_at": now}
        for key_id, mark in keyring_of(session).marks().items()
    ]
    insert_new(session, KeyMark, rows)


def _foreign_table(session: Session, ring: KeyRing, existing: set[str]) -> str | None:
    for column in _sealed(session, existing):
        if not _opens(session, ring, column):
            return column.table
    if _SETTINGS in existing and not all(sealing_key_id(sealed) in ring.key_ids() for sealed in _secrets(session)):
        return _SETTINGS
    return None


def _opens(session: Session, ring: KeyRing, column: _Column) -> bool:
    """Return whether every key id in a column is the ring's, and one value opens: an id may be another key's too."""
    if column.sample(session, _part(column.sealed, 2, 4).not_in(sorted(ring.key_ids()))):
        return False
    sample = column.sample(session)
    try:
        return sample is None or bool(ring.open(*sample) or True)
    except SealBroken:
        return False


def _secrets(session: Session) -> Iterator[bytes]:
    """Yield the sealed callback secrets of every version of every tenant's settings."""
    query = select(TenantSettings.settings).where(cast(TenantSettings.settings, Text).contains('"sealed"'))
    for settings in session.scalars(query):
        sealed = (settings.get("callback") or {}).get("sealed")
        if isinstance(sealed, str):
            yield b64decode(sealed)


def _part(
    column: InstrumentedAttribute[bytes] | InstrumentedAttribute[bytes | None], start: int, length: int
) -> ColumnElement[bytes]:
    return func.substr(column, start, length, type_=LargeBinary)


def _sealed(session: Session, existing: set[str]) -> list[_Column]:
    """Return the sealed columns of this database: an older one lacks some, and tables too, until it is migrated."""
    known = inspect(session.connection())
    return [
        column
        for column in _SEALED
        if column.table in existing
        and any(found["name"] == column.sealed.key for found in known.get_columns(column.table))
    ]


def _tables(session: Session) -> set[str]:
    return set(inspect(session.connection()).get_table_names())
