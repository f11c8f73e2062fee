"""Deletion of a whole tenant: every row of every table, in batches, with counts before and after.

The first step removes the tenant's settings: from its commit on every message is refused as of an unknown tenant. The
rows follow, the tenant's audit chain among them; the database lets a chain go only while its deletion is recorded here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime

from sqlalchemy import Table, delete, exists, func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from db.base import Base, new_id
from db.models import AuditEntry, Lease, ModelVersion, Offboarding, PoolLineage, TenantSettings
from db.records import OffboardingRecord
from db.repositories.sql import on_postgresql, rowcount
from db.session import lock_tenant
from db.tenancy import across_tenants
from domain.documents import JsonMapping

#: owner of the installation's own audit chain; no message can name it
INSTALLATION = "_installation"
#: rows in one statement and transaction
BATCH = 5_000
_PROOF = str(Offboarding.__tablename__)
_CHAIN = str(AuditEntry.__tablename__)
_RECORD = tuple(getattr(Offboarding, column.name) for column in fields(OffboardingRecord))


def tables() -> list[str]:
    """Return the tables whose rows go, children before parents; only the record of the deletion stays."""
    return [table.name for table in reversed(Base.metadata.sorted_tables) if table.name != _PROOF]


def newest(session: Session, tenant_id: str) -> OffboardingRecord | None:
    """Return the newest deletion of this tenant, finished or not."""
    query = select(*_RECORD).where(Offboarding.tenant_id == tenant_id).order_by(Offboarding.offboarding_id.desc())
    row = session.execute(query.limit(1)).mappings().one_or_none()
    return None if row is None else OffboardingRecord(**dict(row))


def is_deleting(session: Session, tenant_id: str) -> bool:
    """Return whether the tenant's deletion has begun and is not finished."""
    begun = select(Offboarding.offboarding_id).where(
        Offboarding.tenant_id == tenant_id, Offboarding.state == "deleting"
    )
    return session.execute(begun.limit(1)).first() is not None


def left(session: Session) -> list[str]:
    """Return tenants that were deleted wholly and were not created again; the session reaches every tenant."""
    again = exists().where(TenantSettings.tenant_id == Offboarding.tenant_id)
    unfinished = select(Offboarding.tenant_id).where(Offboarding.state == "deleting")
    query = select(Offboarding.tenant_id).distinct().where(~again, Offboarding.tenant_id.not_in(unfinished))
    return list(session.scalars(query.order_by(Offboarding.tenant_id)))


def counts(session: Session, tenant_id: str) -> dict[str, int]:
    """Return the number of the tenant's rows in every table that `tables` names."""
    return {name: _count(session, tenant_id, Base.metadata.tables[name]) for name in sorted(tables())}


def begin(session: Session, tenant_id: str, *, actor: str, before: JsonMapping, now: datetime) -> OffboardingRecord:
    """Record that the deletion begins and remove the settings, so that nobody finds the tenant any more.

    Its leases go too: a job that runs now cannot commit under one that is gone. Pooled models that learnt from the
    tenant are marked for retraining. It locks the tenant.
    """
    lock_tenant(session, tenant_id)
    models = _mark_pooled_models(session, tenant_id, now)
    row = {
        "tenant_id": tenant_id,
        "offboarding_id": new_id(),
        "actor": actor,
        "state": "deleting",
        "before": {**before, "pooled_models": models},
        "started_at": now,
    }
    session.execute(insert(Offboarding), [row])
    for model in (TenantSettings, Lease):
        session.execute(delete(model).where(model.tenant_id == tenant_id))
    begun = newest(session, tenant_id)
    assert begun is not None
    return begun


def delete_some(session: Session, tenant_id: str, *, table: str) -> int:
    """Delete at most `BATCH` rows of a table; return how many. 0: none is left."""
    if table == _CHAIN and on_postgresql(session):
        # the role of the workers has no right to delete from the chain; the function checks the record
        return session.scalar(select(func.audit_delete_chain(tenant_id, BATCH))) or 0
    stored = Base.metadata.tables[table]
    key = tuple_(*stored.primary_key.columns)
    some = select(*stored.primary_key.columns).where(stored.c.tenant_id == tenant_id).limit(BATCH)
    return rowcount(session, delete(stored).where(key.in_(some)))


def finish(
    session: Session, tenant_id: str, *, offboarding_id: str, statement: Mapping[str, object], now: datetime
) -> None:
    """Record the final statement; from the commit on the tenant's audit chain is guarded again, if one is begun."""
    this = (Offboarding.tenant_id == tenant_id, Offboarding.offboarding_id == offboarding_id)
    values = {"state": "deleted", "statement": dict(statement), "finished_at": now}
    rowcount(session, update(Offboarding).where(*this).values(values).execution_options(synchronize_session=False))


def chain_row(session: Session, *, sequence: int) -> JsonMapping:
    """Return a row of the installation's own audit chain, from which its hash can be computed again."""
    query = select(AuditEntry.__table__).where(AuditEntry.tenant_id == INSTALLATION, AuditEntry.sequence == sequence)
    row = session.execute(query).mappings().one()
    return {**row, "prev_hash": row["prev_hash"].hex(), "hash": row["hash"].hex()}


def _count(session: Session, tenant_id: str, table: Table) -> int:
    return session.scalar(select(func.count()).select_from(table).where(table.c.tenant_id == tenant_id)) or 0


def _mark_pooled_models(session: Session, tenant_id: str, now: datetime) -> list[str]:
    learnt = select(PoolLineage.owner, PoolLineage.model_id).where(PoolLineage.tenant_id == tenant_id)
    marked: list[str] = []
    for owner, model_id in session.execute(learnt.order_by(PoolLineage.owner, PoolLineage.model_id)).all():
        this = (ModelVersion.tenant_id == owner, ModelVersion.model_id == model_id)
        mark = update(ModelVersion).where(*this).values(retrain_at=func.coalesce(ModelVersion.retrain_at, now))
        returned = mark.returning(ModelVersion.version).execution_options(synchronize_session=False)
        with across_tenants(session):  # the model belongs to its owner
            marked += [f"{owner}:{version}" for version in session.scalars(returned)]
    return marked
