"""The leads that a model was trained on, in a form that names nobody: keyed hashes, sealed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from db.encryption import KeyRing, associated_data
from db.models import Lead, ModelLineage, ModelVersion, PoolLineage
from db.repositories.sql import in_batches, rowcount
from db.session import keyring_of
from db.tenancy import across_tenants

#: bytes of a hash; two of a million leads share one in 1 of 10^7 installations, and then a model is retrained in vain
_BYTES = 8


def save(session: Session, tenant_id: str, *, model_id: str, lead_ids: Sequence[str], now: datetime) -> None:
    """Store the leads of a model just registered; mark it for retraining if one was erased since they were read."""
    existing = _existing(session, tenant_id, lead_ids)
    ring = keyring_of(session)
    row = {"tenant_id": tenant_id, "model_id": model_id, "leads": _seal(ring, tenant_id, model_id, sorted(existing))}
    before = (ModelLineage.tenant_id == tenant_id, ModelLineage.model_id == model_id)
    rowcount(session, delete(ModelLineage).where(*before).execution_options(synchronize_session=False))
    session.execute(insert(ModelLineage), [row])
    if len(existing) < len(set(lead_ids)):
        _mark(session, tenant_id, [model_id], now)


def save_pooled(
    session: Session, owner: str, *, model_id: str, members: Mapping[str, Sequence[str]], now: datetime
) -> None:
    """Store the leads of a model just registered for several tenants, as `save` does for one; `members` by tenant."""
    erased = False
    for tenant_id, lead_ids in sorted(members.items()):
        existing = _existing(session, tenant_id, lead_ids)
        erased = erased or len(existing) < len(set(lead_ids))
        sealed = _seal(keyring_of(session), tenant_id, model_id, sorted(existing))
        row = {"tenant_id": tenant_id, "model_id": model_id, "owner": owner, "leads": sealed}
        before = (PoolLineage.tenant_id == tenant_id, PoolLineage.model_id == model_id)
        rowcount(session, delete(PoolLineage).where(*before).execution_options(synchronize_session=False))
        session.execute(insert(PoolLineage), [row])
    if erased:
        _mark(session, owner, [model_id], now)


def models_trained_on(session: Session, tenant_id: str, *, lead_ids: Iterable[str]) -> list[str]:
    """Return the ids of models that were trained on any of these leads: the tenant's own, then pooled ones."""
    wanted = list(lead_ids)
    own_models = [model_id for model_id, _ in _with(session, tenant_id, wanted)]
    return own_models + [model_id for _, model_id, _ in _pooled_with(session, tenant_id, wanted)]


def forget(session: Session, tenant_id: str, *, lead_ids: Collection[str], now: datetime) -> tuple[str, ...]:
    """Remove leads from the lineages and mark their models for retraining; return the versions of those models."""
    ring, hashes = keyring_of(session), _hashes(keyring_of(session), tenant_id, lead_ids)
    affected = _with(session, tenant_id, lead_ids)
    for model_id, stored in affected:
        sealed = _sealed(ring, tenant_id, model_id, [value for value in stored if value not in hashes])
        lineage = update(ModelLineage).where(ModelLineage.tenant_id == tenant_id, ModelLineage.model_id == model_id)
        rowcount(session, lineage.values(leads=sealed).execution_options(synchronize_session=False))
    pooled = _forget_pooled(session, tenant_id, lead_ids, now)
    return (*_mark(session, tenant_id, [model_id for model_id, _ in affected], now), *pooled)


def _forget_pooled(session: Session, tenant_id: str, lead_ids: Collection[str], now: datetime) -> tuple[str, ...]:
    ring, hashes = keyring_of(session), _hashes(keyring_of(session), tenant_id, lead_ids)
    marked: list[str] = []
    for owner, model_id, stored in _pooled_with(session, tenant_id, lead_ids):
        sealed = _sealed(ring, tenant_id, model_id, [value for value in stored if value not in hashes])
        lineage = update(PoolLineage).where(PoolLineage.tenant_id == tenant_id, PoolLineage.model_id == model_id)
        rowcount(session, lineage.values(leads=sealed).execution_options(synchronize_session=False))
        with across_tenants(session):  # the model belongs to its owner
            versions = _mark(session, owner, [model_id], now)
        marked += [f"{owner}:{version}" for version in versions]
    return tuple(sorted(marked))


def _pooled_with(session: Session, tenant_id: str, lead_ids: Iterable[str]) -> list[tuple[str, str, list[bytes]]]:
    ring = keyring_of(session)
    hashes = _hashes(ring, tenant_id, lead_ids)
    stored = select(PoolLineage.owner, PoolLineage.model_id, PoolLineage.leads)
    rows = session.execute(stored.where(PoolLineage.tenant_id == tenant_id).order_by(PoolLineage.model_id)).all()
    lineages = [(row.owner, row.model_id, _opened(ring, tenant_id, row.model_id, row.leads)) for row in rows]
    return [lineage for lineage in lineages if not hashes.isdisjoint(lineage[2])]


def _with(session: Session, tenant_id: str, lead_ids: Iterable[str]) -> list[tuple[str, list[bytes]]]:
    ring = keyring_of(session)
    hashes = _hashes(ring, tenant_id, lead_ids)
    stored = select(ModelLineage.model_id, ModelLineage.leads).where(ModelLineage.tenant_id == tenant_id)
    lineages = []
    for model_id, sealed in session.execute(stored.order_by(ModelLineage.model_id)):
        stored_hashes = _opened(ring, tenant_id, model_id, sealed)
        if not hashes.isdisjoint(stored_hashes):
            lineages.append((model_id, stored_hashes))
    return lineages


def _mark(session: Session, tenant_id: str, model_ids: Sequence[str], now: datetime) -> tuple[str, ...]:
    conditions = (ModelVersion.tenant_id == tenant_id, ModelVersion.model_id.in_(model_ids))
    marked = update(ModelVersion).where(*conditions).values(retrain_at=func.coalesce(ModelVersion.retrain_at, now))
    returned = marked.returning(ModelVersion.version).execution_options(synchronize_session=False)
    return tuple(sorted(session.scalars(returned)))


def _existing(session: Session, tenant_id: str, lead_ids: Sequence[str]) -> set[str]:
    existing: set[str] = set()
    for batch in in_batches(lead_ids):
        existing.update(
            session.scalars(select(Lead.lead_id).where(Lead.tenant_id == tenant_id, Lead.lead_id.in_(batch)))
        )
    return existing


def _hashes(ring: KeyRing, tenant_id: str, lead_ids: Iterable[str]) -> set[bytes]:
    return {ring.lookup(tenant_id, f"lineage:{lead_id}")[:_BYTES] for lead_id in lead_ids}


def _seal(ring: KeyRing, tenant_id: str, model_id: str, lead_ids: Iterable[str]) -> bytes:
    return _sealed(ring, tenant_id, model_id, _hashes(ring, tenant_id, lead_ids))


def _sealed(ring: KeyRing, tenant_id: str, model_id: str, hashes: Iterable[bytes]) -> bytes:
    return ring.seal(b"".join(sorted(hashes)), _place(tenant_id, model_id))


def _opened(ring: KeyRing, tenant_id: str, model_id: str, sealed: bytes) -> list[bytes]:
    joined = ring.open(sealed, _place(tenant_id, model_id))
    return [joined[start : start + _BYTES] for start in range(0, len(joined), _BYTES)]


def _place(tenant_id: str, model_id: str) -> bytes:
    return associated_data(tenant_id, "model_lineages.leads", model_id)
