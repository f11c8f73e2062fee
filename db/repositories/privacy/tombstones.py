"""Keyed hashes of who was forgotten: the same person is noticed when somebody brings them again.

A tombstone tells nothing to who does not hold the key ring, and cannot be told from any other without the identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.identity import email_key, phone_key
from db.models import Tombstone
from db.records import LeadDraft
from db.repositories.sql.statements import in_batches, rowcount, upsert
from db.session import keyring_of

#: the code of a row or lead that is refused for it
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
    """Keep hashes; from the commit on, nobody of these identities is taken in."""
    kinds = dict.fromkeys(sorted(identities), "identity") | dict.fromkeys(sorted(leads), "lead")
    own = {"tenant_id": tenant_id, "erasure_id": erasure_id, "created_at": now}
    rows = [{**own, "hash": value, "kind": kind} for value, kind in kinds.items()]
    laid = upsert(session, Tombstone)
    news = {name: laid.excluded[name] for name in ("kind", "erasure_id", "created_at")}
    if rows:
        session.execute(
            laid.on_conflict_do_update(index_elements=[Tombstone.tenant_id, Tombstone.hash], set_=news), rows
        )


def erasures(session: Session, tenant_id: str, *, hashes: Iterable[bytes]) -> list[str]:
    """Return the erasures that laid any of these, each once, by id."""
    wanted = select(Tombstone.erasure_id).where(Tombstone.tenant_id == tenant_id, Tombstone.hash.in_(sorted(hashes)))
    return sorted(set(session.scalars(wanted)))


def any_exist(session: Session, tenant_id: str) -> bool:
    """Whether the tenant ever forgot anybody: most did not, and need not look."""
    wanted = select(Tombstone.erasure_id).where(Tombstone.tenant_id == tenant_id).limit(1)
    return session.execute(wanted).first() is not None


def newest(session: Session, tenant_id: str) -> str | None:
    """Return the newest erasure; another answer than before means that somebody was forgotten meanwhile."""
    wanted = select(Tombstone.erasure_id).where(Tombstone.tenant_id == tenant_id)
    return session.scalar(wanted.order_by(Tombstone.erasure_id.desc()).limit(1))


def match(session: Session, tenant_id: str, *, hashes: Sequence[bytes]) -> set[bytes]:
    """Return those hashes by which imports are refused."""
    found: set[bytes] = set()
    for batch in in_batches(hashes):
        own = (Tombstone.tenant_id == tenant_id, Tombstone.kind == "identity", Tombstone.hash.in_(batch))
        found.update(session.scalars(select(Tombstone.hash).where(*own)))
    return found


def is_forgotten(session: Session, tenant_id: str, *, draft: LeadDraft) -> bool:
    """Whether a draft is of somebody who was forgotten."""
    ring, external = keyring_of(session), (draft.external_id or "").strip()
    told = (email_key(draft.contact), phone_key(draft.contact))
    hashes = [ring.lookup(tenant_id, key) for key in told if key is not None]
    if external:
        hashes.append(identity_hash(session, tenant_id, draft.source_system, external))
    return bool(match(session, tenant_id, hashes=hashes))


def lift(session: Session, tenant_id: str, *, erasure_id: str) -> int:
    """Let the identities of one erasure in again; return their number."""
    own = (Tombstone.tenant_id == tenant_id, Tombstone.erasure_id == erasure_id, Tombstone.kind == "identity")
    return rowcount(session, delete(Tombstone).where(*own).execution_options(synchronize_session=False))


def identity_hash(session: Session, tenant_id: str, system: str, external_id: str) -> bytes:
    """Return the hash of an id under which a source knows somebody."""
    return keyring_of(session).lookup(tenant_id, f"identity:{len(system)}:{system}:{external_id.strip()}")


def lead_hash(session: Session, tenant_id: str, lead_id: str) -> bytes:
    """Return the hash of our own id."""
    return keyring_of(session).lookup(tenant_id, f"lead:{lead_id}")
