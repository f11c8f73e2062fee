"""Which leads a model was trained on, in a form that names nobody: keyed hashes, sealed with the model."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from db.encryption import KeyRing, place
from db.models import Lead, ModelLineage, ModelVersion, PoolLineage
from db.repositories.sql.clauses import in_batches, ring_of, rowcount
from db.tenancy import across_tenants

#: bytes of a hash: among a million leads two share one in 1 of 10^7 installations, and then a model is trained again
_BYTES = 8


def keep(session: Session, tenant_id: str, *, model_id: str, lead_ids: Sequence[str], now: datetime) -> None:
    """Note the leads of a model just registered; one forgotten since they were read marks it at once."""
    there = _existing(session, tenant_id, lead_ids)
    ring = ring_of(session)
    row = {"tenant_id": tenant_id, "model_id": model_id, "leads": _seal(ring, tenant_id, model_id, sorted(there))}
    own = (ModelLineage.tenant_id == tenant_id, ModelLineage.model_id == model_id)
    rowcount(session, delete(ModelLineage).where(*own).execution_options(synchronize_session=False))
    session.execute(insert(ModelLineage), [row])
    if len(there) < len(set(lead_ids)):
        _mark(session, tenant_id, [model_id], now)


def keep_pooled(
    session: Session, owner: str, *, model_id: str, members: Mapping[str, Sequence[str]], now: datetime
) -> None:
    """Note the leads of a model just registered for several tenants, tenant by tenant; as `keep`."""
    gone = False
    for tenant_id, lead_ids in sorted(members.items()):
        there = _existing(session, tenant_id, lead_ids)
        gone = gone or len(there) < len(set(lead_ids))
        sealed = _seal(ring_of(session), tenant_id, model_id, sorted(there))
        row = {"tenant_id": tenant_id, "model_id": model_id, "owner": owner, "leads": sealed}
        own = (PoolLineage.tenant_id == tenant_id, PoolLineage.model_id == model_id)
        rowcount(session, delete(PoolLineage).where(*own).execution_options(synchronize_session=False))
        session.execute(insert(PoolLineage), [row])
    if gone:
        _mark(session, owner, [model_id], now)


def trained_on(session: Session, tenant_id: str, *, lead_ids: Iterable[str]) -> list[str]:
    """Give the models that were trained on any of these leads, the tenant's own and shared ones, by id."""
    wanted = list(lead_ids)
    own = [model_id for model_id, _ in _with(session, tenant_id, wanted)]
    return own + [model_id for _, model_id, _ in _pooled_with(session, tenant_id, wanted)]


def forget(session: Session, tenant_id: str, *, lead_ids: Collection[str], now: datetime) -> tuple[str, ...]:
    """Take leads out of the lineages and mark their models for retraining; gives the versions of those."""
    ring, hashes = ring_of(session), _hashes(ring_of(session), tenant_id, lead_ids)
    found = _with(session, tenant_id, lead_ids)
    for model_id, known in found:
        sealed = _sealed(ring, tenant_id, model_id, [value for value in known if value not in hashes])
        own = (ModelLineage.tenant_id == tenant_id, ModelLineage.model_id == model_id)
        without = update(ModelLineage).where(*own).values(leads=sealed)
        rowcount(session, without.execution_options(synchronize_session=False))
    pooled = _forget_pooled(session, tenant_id, lead_ids, now)
    return (*_mark(session, tenant_id, [model_id for model_id, _ in found], now), *pooled)


def _forget_pooled(session: Session, tenant_id: str, lead_ids: Collection[str], now: datetime) -> tuple[str, ...]:
    ring, hashes = ring_of(session), _hashes(ring_of(session), tenant_id, lead_ids)
    marked: list[str] = []
    for owner, model_id, known in _pooled_with(session, tenant_id, lead_ids):
        sealed = _sealed(ring, tenant_id, model_id, [value for value in known if value not in hashes])
        own = (PoolLineage.tenant_id == tenant_id, PoolLineage.model_id == model_id)
        without = update(PoolLineage).where(*own).values(leads=sealed)
        rowcount(session, without.execution_options(synchronize_session=False))
        with across_tenants(session):  # the model is its owner's
            versions = _mark(session, owner, [model_id], now)
        marked += [f"{owner}:{version}" for version in versions]
    return tuple(sorted(marked))


def _pooled_with(session: Session, tenant_id: str, lead_ids: Iterable[str]) -> list[tuple[str, str, list[bytes]]]:
    ring = ring_of(session)
    hashes = _hashes(ring, tenant_id, lead_ids)
    stored = select(PoolLineage.owner, PoolLineage.model_id, PoolLineage.leads)
    rows = session.execute(stored.where(PoolLineage.tenant_id == tenant_id).order_by(PoolLineage.model_id)).all()
    opened = [(row.owner, row.model_id, _opened(ring, tenant_id, row.model_id, row.leads)) for row in rows]
    return [found for found in opened if not hashes.isdisjoint(found[2])]


def _with(session: Session, tenant_id: str, lead_ids: Iterable[str]) -> list[tuple[str, list[bytes]]]:
    ring = ring_of(session)
    hashes = _hashes(ring, tenant_id, lead_ids)
    stored = select(ModelLineage.model_id, ModelLineage.leads).where(ModelLineage.tenant_id == tenant_id)
    found = []
    for model_id, sealed in session.execute(stored.order_by(ModelLineage.model_id)):
        known = _opened(ring, tenant_id, model_id, sealed)
        if not hashes.isdisjoint(known):
            found.append((model_id, known))
    return found


def _mark(session: Session, tenant_id: str, model_ids: Sequence[str], now: datetime) -> tuple[str, ...]:
    own = (ModelVersion.tenant_id == tenant_id, ModelVersion.model_id.in_(model_ids))
    marked: Any = update(ModelVersion).where(*own).values(retrain_at=func.coalesce(ModelVersion.retrain_at, now))
    returned = marked.returning(ModelVersion.version).execution_options(synchronize_session=False)
    return tuple(sorted(session.scalars(returned)))


def _existing(session: Session, tenant_id: str, lead_ids: Sequence[str]) -> set[str]:
    there: set[str] = set()
    for batch in in_batches(lead_ids):
        there.update(session.scalars(select(Lead.lead_id).where(Lead.tenant_id == tenant_id, Lead.lead_id.in_(batch))))
    return there


def _hashes(ring: KeyRing, tenant_id: str, lead_ids: Iterable[str]) -> set[bytes]:
    return {ring.lookup(tenant_id, f"lineage:{lead_id}")[:_BYTES] for lead_id in lead_ids}


def _seal(ring: KeyRing, tenant_id: str, model_id: str, lead_ids: Iterable[str]) -> bytes:
    return _sealed(ring, tenant_id, model_id, _hashes(ring, tenant_id, lead_ids))


def _sealed(ring: KeyRing, tenant_id: str, model_id: str, hashes: Iterable[bytes]) -> bytes:
    return ring.seal(b"".join(sorted(hashes)), _place(tenant_id, model_id))


def _opened(ring: KeyRing, tenant_id: str, model_id: str, sealed: bytes) -> list[bytes]:
    plain = ring.open(sealed, _place(tenant_id, model_id))
    return [plain[start : start + _BYTES] for start in range(0, len(plain), _BYTES)]


def _place(tenant_id: str, model_id: str) -> bytes:
    return place(tenant_id, "model_lineages.leads", model_id)
