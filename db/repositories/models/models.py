"""The registry of trained models: versions, and one champion per kind."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, Row, RowMapping, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from db.base import NewRow, new_id
from db.encryption import KeyRing, associated_data
from db.errors import SealBroken, UnknownModel
from db.models import ModelVersion
from db.records import ModelChangeDraft, ModelDraft, ModelRecord
from db.repositories import tenants
from db.repositories.models import history
from db.repositories.sql import rowcount, table_of
from db.session import keyring_of, lock_tenant
from domain.documents import JsonMapping
from domain.promotions import CHALLENGERS, ChallengerState

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


def champion_version(session: Session, tenant_id: str, *, kind: str) -> str | None:
    """Return the version that predicts now, or None."""
    of_kind = (ModelVersion.tenant_id == tenant_id, ModelVersion.kind == kind)
    return session.scalar(select(ModelVersion.version).where(*of_kind, ModelVersion.state == "champion"))


def promote(
    session: Session,
    tenant_id: str,
    *,
    model_id: str,
    now: datetime,
    actor: str = "hearth",
    reason: str = "promotion",
    look: int | None = None,
    detail: JsonMapping | None = None,
) -> None:
    """Make a model the champion of its kind and record it as history; the former one is retired.

    Challengers that were kept as a shadow or wait for a person become candidates: they were compared with another.
    `look` and `detail` are those of `ModelChangeDraft`; a detail left out is that of the model's newest row of history,
    such as the rule of its rollback. Nothing happens to a model that is the champion.

    Raises:
        UnknownModel: not there for this tenant.

    """
    lock_tenant(session, tenant_id)
    chosen = _key(session, tenant_id, model_id)
    former = champion_version(session, tenant_id, kind=chosen.kind)
    if former == chosen.version:
        return
    draft = ModelChangeDraft(
        kind=chosen.kind,
        change="promotion",
        version=chosen.version,
        from_version=former,
        to_version=chosen.version,
        actor=actor,
        reason=reason,
        look=look,
        detail=history.detail_of(session, tenant_id, version=chosen.version) if detail is None else detail,
    )
    _replace(session, tenant_id, chosen.kind, model_id, now)
    history.record(session, tenant_id, draft=draft, now=now)


def rollback(
    session: Session, tenant_id: str, *, kind: str, now: datetime, actor: str = "hearth", reason: str = "rollback"
) -> tuple[ModelRecord, ModelRecord]:
    """Go back to the champion before this one; return the champion that was left and the present one.

    A second rollback goes one further back: a model that was rolled back is skipped until it is promoted again.

    Raises:
        UnknownModel: no champion, or none before it.

    """
    lock_tenant(session, tenant_id)
    left = champion(session, tenant_id, kind=kind)
    back = None if left is None else former(session, tenant_id, kind=kind)
    if left is None or back is None:
        raise UnknownModel(f"{kind} has no former champion to go back to; `hearth models list` shows what there is")
    _replace(session, tenant_id, kind, back.model_id, now)
    rolled_back = update(ModelVersion).where(
        ModelVersion.tenant_id == tenant_id, ModelVersion.model_id == left.model_id
    )
    rowcount(session, rolled_back.values(rolled_back_at=now).execution_options(synchronize_session=False))
    draft = ModelChangeDraft(
        kind=kind,
        change="rollback",
        version=left.version,
        from_version=left.version,
        to_version=back.version,
        actor=actor,
        reason=reason,
    )
    history.record(session, tenant_id, draft=draft, now=now)
    return left, back


def set_aside(session: Session, tenant_id: str, *, model_id: str, state: ChallengerState) -> None:
    """Keep a challenger as the shadow of its kind, or as the one that waits for a person; or make it a candidate again.

    There is one shadow and one that waits a kind: the one before becomes a candidate. A champion, and what was one,
    stays as it is.

    Raises:
        UnknownModel: not there for this tenant.

    """
    lock_tenant(session, tenant_id)
    of_kind = (ModelVersion.tenant_id == tenant_id, ModelVersion.kind == _key(session, tenant_id, model_id).kind)
    statement = update(ModelVersion).execution_options(synchronize_session=False)
    if state != "candidate":
        rowcount(session, statement.where(*of_kind, ModelVersion.state == state).values(state="candidate"))
    challenger = (ModelVersion.model_id == model_id, ModelVersion.state.in_(CHALLENGERS))
    rowcount(session, statement.where(*of_kind, *challenger).values(state=state))


def challenger(session: Session, tenant_id: str, *, kind: str, state: ChallengerState) -> ModelRecord | None:
    """Return the challenger of a kind that is kept as a shadow, or waits for a person; None where there is none."""
    return _one(session, tenant_id, ModelVersion.kind == kind, ModelVersion.state == state)


def former(session: Session, tenant_id: str, *, kind: str) -> ModelRecord | None:
    """Return the champion that a rollback would go back to, or None."""
    retired = (ModelVersion.tenant_id == tenant_id, ModelVersion.kind == kind, ModelVersion.state == "retired")
    query = select(ModelVersion.__table__).where(*retired, ModelVersion.rolled_back_at.is_(None))
    newest = query.order_by(ModelVersion.promoted_at.desc(), ModelVersion.number.desc()).limit(1)
    row = session.execute(newest).mappings().one_or_none()
    return None if row is None else _record(row, keyring_of(session))


def _key(session: Session, tenant_id: str, model_id: str) -> Row[str, str]:
    """Return kind and version of a model."""
    query = select(ModelVersion.kind, ModelVersion.version)
    row = session.execute(
        query.where(ModelVersion.tenant_id == tenant_id, ModelVersion.model_id == model_id)
    ).one_or_none()
    if row is None:
        raise UnknownModel("unknown model; list the tenant's models")
    return row


def _replace(session: Session, tenant_id: str, kind: str, model_id: str, now: datetime) -> None:
    """Retire the champion, put the next one in its place, and take back what other challengers had earned."""
    of_kind = (ModelVersion.tenant_id == tenant_id, ModelVersion.kind == kind)
    statement = update(ModelVersion).where(*of_kind).execution_options(synchronize_session=False)
    rowcount(session, statement.where(ModelVersion.state == "champion").values(state="retired"))
    rowcount(session, statement.where(ModelVersion.state.in_(CHALLENGERS)).values(state="candidate"))
    chosen = statement.where(ModelVersion.model_id == model_id)
    rowcount(session, chosen.values(state="champion", promoted_at=now, rolled_back_at=None))


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
