"""The registry of trained models: versions, and one champion per kind."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from db.base import NewRow, new_id
from db.encryption import KeyRing, associated_data
from db.errors import SealBroken, UnknownModel
from db.models import ModelVersion
from db.records import ModelDraft, ModelRecord
from db.repositories import tenants
from db.repositories.sql import rowcount, table_of
from db.session import keyring_of, lock_tenant

_MODEL = table_of(ModelVersion).c
_CHAMPION = select(_MODEL.model_id, _MODEL.retrain_at).where(
    _MODEL.tenant_id == bindparam("tenant"), _MODEL.kind == bindparam("kind"), _MODEL.state == "champion"
)


def add(session: Session, tenant_id: str, *, draft: ModelDraft) -> ModelRecord:
    """Register a model as a candidate with the next version of its kind; if its training data are known, return that.

    Raises:
        UnknownTenant: not configured.

    """
    tenants.require(session, tenant_id)
    lock_tenant(session, tenant_id)
    existing = by_fingerprint(session, tenant_id, kind=draft.kind, scope=draft.scope, fingerprint=draft.fingerprint)
    if existing is not None:
        return existing
    newest = select(func.max(ModelVersion.number)).where(
        ModelVersion.tenant_id == tenant_id, ModelVersion.kind == draft.kind
    )
    number = (session.scalar(newest) or 0) + 1
    row = _row(draft, number=number, tenant_id=tenant_id, ring=keyring_of(session))
    session.execute(insert(ModelVersion), [row])
    return _record(row, keyring_of(session))


def champion(session: Session, tenant_id: str, *, kind: str) -> ModelRecord | None:
    """Return the model that predicts now, or None.

    Raises:
        SealBroken: the stored artifact was changed or moved.

    """
    return _one(session, tenant_id, ModelVersion.kind == kind, ModelVersion.state == "champion")


def champion_key(session: Session, tenant_id: str, *, kind: str) -> tuple[str, datetime | None] | None:
    """Return the id of the champion, and since when it is to be retrained; None where there is none.

    Nothing else of a model ever changes, so a process that has loaded the model once needs no more than this.
    """
    row = session.connection().execute(_CHAMPION, {"tenant": tenant_id, "kind": kind}).one_or_none()
    return None if row is None else (row.model_id, row.retrain_at)


def promote(session: Session, tenant_id: str, *, model_id: str, now: datetime) -> None:
    """Make a model the champion of its kind; the former one is retired.

    Raises:
        UnknownModel: not there for this tenant.

    """
    lock_tenant(session, tenant_id)
    of_tenant = ModelVersion.tenant_id == tenant_id
    kind = session.scalar(select(ModelVersion.kind).where(of_tenant, ModelVersion.model_id == model_id))
    if kind is None:
        raise UnknownModel("unknown model; list the tenant's models")
    former = (of_tenant, ModelVersion.kind == kind, ModelVersion.state == "champion", ModelVersion.model_id != model_id)
    chosen = (of_tenant, ModelVersion.model_id == model_id, ModelVersion.state != "champion")
    statement = update(ModelVersion).execution_options(synchronize_session=False)
    rowcount(session, statement.where(*former).values(state="retired"))
    rowcount(session, statement.where(*chosen).values(state="champion", promoted_at=now, rolled_back_at=None))


def rollback(session: Session, tenant_id: str, *, kind: str, now: datetime) -> tuple[ModelRecord, ModelRecord]:
    """Go back to the champion before this one; return the champion that was left and the present one.

    A second rollback goes one further back: a model that was rolled back is skipped until it is promoted again.

    Raises:
        UnknownModel: no champion, or none before it.

    """
    lock_tenant(session, tenant_id)
    left = champion(session, tenant_id, kind=kind)
    former = None if left is None else _former(session, tenant_id, kind)
    if left is None or former is None:
        raise UnknownModel(f"{kind} has no former champion to go back to; `hearth models list` shows what there is")
    promote(session, tenant_id, model_id=former.model_id, now=now)
    rolled_back = update(ModelVersion).where(
        ModelVersion.tenant_id == tenant_id, ModelVersion.model_id == left.model_id
    )
    rowcount(session, rolled_back.values(rolled_back_at=now).execution_options(synchronize_session=False))
    return left, former


def _former(session: Session, tenant_id: str, kind: str) -> ModelRecord | None:
    retired = (ModelVersion.tenant_id == tenant_id, ModelVersion.kind == kind, ModelVersion.state == "retired")
    query = select(ModelVersion.__table__).where(*retired, ModelVersion.rolled_back_at.is_(None))
    newest = query.order_by(ModelVersion.promoted_at.desc(), ModelVersion.number.desc()).limit(1)
    row = session.execute(newest).mappings().one_or_none()
    return None if row is None else _record(row, keyring_of(session))


def get(session: Session, tenant_id: str, *, version: str) -> ModelRecord | None:
    """Return a model by its version, such as `lead_score-0003`, or None."""
    return _one(session, tenant_id, ModelVersion.version == version)


def versions(session: Session, tenant_id: str, *, kind: str | None = None) -> list[ModelRecord]:
    """Return all models, by kind and newest first."""
    query = select(ModelVersion.__table__).where(ModelVersion.tenant_id == tenant_id)
    if kind is not None:
        query = query.where(ModelVersion.kind == kind)
    rows = session.execute(query.order_by(ModelVersion.kind, ModelVersion.number.desc())).mappings()
    ring = keyring_of(session)
    return [_record(row, ring) for row in rows]


def by_fingerprint(session: Session, tenant_id: str, *, kind: str, scope: str, fingerprint: str) -> ModelRecord | None:
    """Return the model that was trained on these data, or None."""
    return _one(
        session,
        tenant_id,
        ModelVersion.kind == kind,
        ModelVersion.scope == scope,
        ModelVersion.fingerprint == fingerprint,
    )


def _one(session: Session, tenant_id: str, *where: ColumnElement[bool]) -> ModelRecord | None:
    query = select(ModelVersion.__table__).where(ModelVersion.tenant_id == tenant_id, *where)
    row = session.execute(query).mappings().one_or_none()
    return None if row is None else _record(row, keyring_of(session))


def _row(draft: ModelDraft, *, number: int, tenant_id: str, ring: KeyRing) -> NewRow:
    model_id, version = new_id(), f"{draft.kind}-{number:04d}"
    return {
        **asdict(draft),
        "tenant_id": tenant_id,
        "model_id": model_id,
        "number": number,
        "version": version,
        "state": "candidate",
        "artifact": ring.seal(draft.artifact, _place(tenant_id, model_id, version)),
        "metrics": dict(draft.metrics),
        "report": dict(draft.report),
        "promoted_at": None,
        "rolled_back_at": None,
        "retrain_at": None,
    }


def _record(row: RowMapping | NewRow, ring: KeyRing) -> ModelRecord:
    try:
        artifact = ring.open(row["artifact"], _place(row["tenant_id"], row["model_id"], row["version"]))
    except SealBroken as error:
        raise SealBroken(f"model_versions.artifact of {row['version']}: {error}") from None
    return ModelRecord(
        model_id=row["model_id"],
        kind=row["kind"],
        scope=row["scope"],
        version=row["version"],
        state=row["state"],
        artifact=artifact,
        feature_schema=row["feature_schema"],
        metrics=row["metrics"],
        report=row["report"],
        rows=row["rows"],
        fingerprint=row["fingerprint"],
        trained_at=row["trained_at"],
        promoted_at=row["promoted_at"],
        rolled_back_at=row["rolled_back_at"],
        retrain_at=row["retrain_at"],
    )


def _place(tenant_id: str, model_id: str, version: str) -> bytes:
    return associated_data(tenant_id, "model_versions.artifact", model_id, version)
