"""Whether a key ring is the one that sealed this database: told at the start, and not by the first thing that fails.

Marks tell it with one small query. Where they do not (a new key, a database from before there were any), every table is
looked through for something that was sealed under a key that the ring does not hold.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Text, cast, func, inspect, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.encryption import KeyRing, associated_data, sealing_key_id
from db.errors import SealBroken
from db.models import (
    KeyMark,
    Lead,
    ModelLineage,
    ModelVersion,
    PoolLineage,
    QuarantinedMessage,
    RawEvent,
    RejectedEntry,
    TenantSettings,
    Tombstone,
)
from db.repositories.jobs.schedule_locks import EVERYBODY
from db.repositories.sql.statements import insert_new
from db.session import keyring_of


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRingCheck:
    """How a key ring and a database go together."""

    #: the first table with something that the ring does not open; None: it opens all
    strange: str | None
    #: keys of the ring that the database does not know yet and could note
    unmarked: bool


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that is sealed under the ring, and what binds its values to their rows."""

    sealed: InstrumentedAttribute[bytes]
    #: the name that `associated_data` was given
    name: str
    row: tuple[InstrumentedAttribute[Any], ...]

    @property
    def table(self) -> str:
        return str(self.sealed.class_.__tablename__)

    def one(self, session: Session, *where: ColumnElement[bool]) -> tuple[bytes, bytes] | None:
        """Sealed bytes and their place."""
        by_ring = _part(self.sealed, 1, 1) == b"\x01"
        wanted = select(self.sealed, self.sealed.class_.tenant_id, *self.row).where(by_ring, *where).limit(1)
        found = session.execute(wanted).first()
        return None if found is None else (found[0], associated_data(found[1], self.name, *map(str, found[2:])))


_SEALED = (
    _Column(Lead.data_key, "leads.data_key", (Lead.lead_id,)),
    _Column(ModelVersion.artifact, "model_versions.artifact", (ModelVersion.model_id, ModelVersion.version)),
    _Column(ModelLineage.leads, "model_lineages.leads", (ModelLineage.model_id,)),
    _Column(PoolLineage.leads, "model_lineages.leads", (PoolLineage.model_id,)),
    _Column(QuarantinedMessage.content, "quarantine.content", (QuarantinedMessage.quarantine_id,)),
    _Column(RawEvent.payload, "raw_events.payload", (RawEvent.raw_id,)),
    _Column(
        RejectedEntry.cells,
        "rejected_rows.cells",
        (RejectedEntry.backfill_id, RejectedEntry.number, RejectedEntry.position),
    ),
)
_SETTINGS = str(TenantSettings.__tablename__)


def table_needing_ring(session: Session) -> str | None:
    """Return the first table that is of no use without the ring that it was written with; None where there is none."""
    there = _tables(session)
    for column in _SEALED:
        if column.table in there and column.one(session):
            return column.table
    if _SETTINGS in there and next(_secrets(session), None):
        return _SETTINGS
    # hashes that a new ring would never find again: who was forgotten would be let in
    hashed = str(Tombstone.__tablename__)
    known = hashed in there and session.execute(select(Tombstone.tenant_id).limit(1)).first()
    return hashed if known else None


def check(session: Session) -> KeyRingCheck:
    """Whether the session's key ring opens what the database holds; works on one without any table, too."""
    ring, there = keyring_of(session), _tables(session)
    marked = str(KeyMark.__tablename__) in there
    rows = session.execute(select(KeyMark.key_id, KeyMark.mark)).all() if marked else ()
    known = {row.key_id: row.mark for row in rows}
    own = ring.marks()
    unmarked = marked and not own.keys() <= known.keys()
    if any(own.get(key_id, mark) != mark for key_id, mark in known.items()):
        return KeyRingCheck(strange=str(KeyMark.__tablename__), unmarked=unmarked)
    if known and own.keys() == known.keys():
        return KeyRingCheck(strange=None, unmarked=False)
    # with no key in common the hashes are another ring's as well
    other = bool(known) and own.keys().isdisjoint(known)
    return KeyRingCheck(
        strange=table_needing_ring(session) if other else _strange(session, ring, there), unmarked=unmarked
    )


def save(session: Session, *, now: datetime) -> None:
    """Note the keys of the session's ring; those that are known stay as they are."""
    marks = keyring_of(session).marks().items()
    own = {"tenant_id": EVERYBODY, "created_at": now}
    insert_new(session, KeyMark, [{**own, "key_id": key_id, "mark": mark} for key_id, mark in marks])


def _strange(session: Session, ring: KeyRing, there: set[str]) -> str | None:
    for column in _SEALED:
        if column.table in there and not _opens(session, ring, column):
            return column.table
    if _SETTINGS in there and not all(sealing_key_id(sealed) in ring.key_ids() for sealed in _secrets(session)):
        return _SETTINGS
    return None


def _opens(session: Session, ring: KeyRing, column: _Column) -> bool:
    """Whether every key id of a column is the ring's, and one value opens: an id may stand beside a wrong key."""
    if column.one(session, _part(column.sealed, 2, 4).not_in(sorted(ring.key_ids()))):
        return False
    sample = column.one(session)
    try:
        return sample is None or bool(ring.open(*sample) or True)
    except SealBroken:
        return False


def _secrets(session: Session) -> Iterator[bytes]:
    """Secrets of callbacks, sealed; of every version of a tenant's settings."""
    wanted = select(TenantSettings.settings).where(cast(TenantSettings.settings, Text).contains('"sealed"'))
    for settings in session.scalars(wanted):
        sealed = (settings.get("callback") or {}).get("sealed")
        if isinstance(sealed, str):
            yield b64decode(sealed)


def _part(column: InstrumentedAttribute[bytes], start: int, length: int) -> ColumnElement[bytes]:
    return func.substr(column, start, length, type_=LargeBinary)


def _tables(session: Session) -> set[str]:
    return set(inspect(session.connection()).get_table_names())
