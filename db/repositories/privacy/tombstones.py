"""Tombstones: keyed hashes of erased people, by which a later import of the same person is recognised.

Without the key ring and the identity itself a tombstone reveals nothing and looks like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.encryption import KeyRing
from db.models import Tombstone
from db.records import LeadDraft
from db.repositories.leads.lead_mapper import email_key, phone_key
from db.repositories.sql import in_batches, rowcount, upsert
from db.session import keyring_of

#: the code of a row or lead that is rejected for it
FORGOTTEN = "privacy.forgotten"


def add(
    session: Session,
    tenant_id: str,
    *,
    erasure_id: str,
    leads: Iterable[bytes],
    identities: Iterable[bytes],
    now: datetime,
) -> None:
    """Store hashes; from the commit on, imports of these identities are rejected."""
    kinds = dict.fromkeys(sorted(identities), "identity") | dict.fromkeys(sorted(leads), "lead")
    rows = [
        {"tenant_id": tenant_id, "hash": value, "kind": kind, "erasure_id": erasure_id, "created_at": now}
        for value, kind in kinds.items()
    ]
    insert = upsert(session, Tombstone)
    changed = {name: insert.excluded[name] for name in ("kind", "erasure_id", "created_at")}
    if rows:
        session.execute(
            insert.on_conflict_do_update(index_elements=[Tombstone.tenant_id, Tombstone.hash], set_=changed), rows
        )


def erasures(session: Session, tenant_id: str, *, hashes: Iterable[bytes]) -> list[str]:
    """Return the ids of the erasures that stored any of these hashes, each once, in order."""
    query = select(Tombstone.erasure_id).where(Tombstone.tenant_id == tenant_id, Tombstone.hash.in_(sorted(hashes)))
    return sorted(set(session.scalars(query)))


def any_exist(session: Session, tenant_id: str) -> bool:
    """Return whether the tenant has any tombstones: most have none, and need no look-up."""
    query = select(Tombstone.erasure_id).where(Tombstone.tenant_id == tenant_id).limit(1)
    return session.execute(query).first() is not None


def newest(session: Session, tenant_id: str) -> str | None:
    """Return the id of the newest erasure; another id than before means that somebody was erased meanwhile."""
    query = select(Tombstone.erasure_id).where(Tombstone.tenant_id == tenant_id)
    return session.scalar(query.order_by(Tombstone.erasure_id.desc()).limit(1))


def is_person(
    matched: Collection[bytes],
    *,
    identity: bytes | None,
    email: bytes | None,
    phone: bytes | None,
    apart: bytes | None,
    known: bool,
) -> bool:
    """Return whether a lead's hashes, of which these matched, are those of somebody who was erased.

    A phone with last name is shared: it does not count for a lead that is stored under its own id (`known`), nor for
    one with another e-mail address than the erased person's.
    """
    if {identity, email} & set(matched):
        return True
    return phone in matched and not known and not (email is not None and apart in matched)


def match(session: Session, tenant_id: str, *, hashes: Sequence[bytes]) -> set[bytes]:
    """Return those hashes for which imports are rejected."""
    matching: set[bytes] = set()
    for batch in in_batches(hashes):
        conditions = (Tombstone.tenant_id == tenant_id, Tombstone.kind == "identity", Tombstone.hash.in_(batch))
        matching.update(session.scalars(select(Tombstone.hash).where(*conditions)))
    return matching


def is_forgotten(session: Session, tenant_id: str, *, draft: LeadDraft) -> bool:
    """Return whether a draft is about a person who was erased."""
    ring, external = keyring_of(session), (draft.external_id or "").strip()
    email, phone = (
        None if key is None else ring.lookup(tenant_id, key)
        for key in (email_key(draft.contact), phone_key(draft.contact))
    )
    identity = identity_hash(session, tenant_id, draft.source_system, external) if external else None
    apart = None if phone is None else apart_hash(ring, tenant_id, phone)
    hashes = [value for value in (identity, email, phone, apart) if value is not None]
    matched = match(session, tenant_id, hashes=hashes)
    return is_person(matched, identity=identity, email=email, phone=phone, apart=apart, known=False)


def lift(session: Session, tenant_id: str, *, erasure_id: str) -> int:
    """Allow imports of the identities of one erasure again; return their number."""
    conditions = (Tombstone.tenant_id == tenant_id, Tombstone.erasure_id == erasure_id, Tombstone.kind == "identity")
    return rowcount(session, delete(Tombstone).where(*conditions).execution_options(synchronize_session=False))


def identity_hash(session: Session, tenant_id: str, system: str, external_id: str) -> bytes:
    """Return the hash of a source's id of a person."""
    return keyring_of(session).lookup(tenant_id, f"identity:{len(system)}:{system}:{external_id.strip()}")


def apart_hash(ring: KeyRing, tenant_id: str, phone: bytes) -> bytes:
    """Return the hash that stands beside the phone's of an erased person who had an e-mail address."""
    return ring.lookup(tenant_id, f"apart:{phone.hex()}")


def lead_hash(session: Session, tenant_id: str, lead_id: str) -> bytes:
    """Return the hash of our own lead id."""
    return keyring_of(session).lookup(tenant_id, f"lead:{lead_id}")
