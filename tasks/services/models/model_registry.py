"""Find the scorer that answers for a tenant: its own champion, else its vertical's, else the written one."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

import structlog

from db.errors import SealBroken
from db.records import ModelRecord
from db.repositories import tenants
from db.repositories.models import models, pooled_models
from db.session import Session
from domain.documents import JsonMapping
from domain.model_kinds import Scope
from ml import artifacts
from ml.errors import ArtifactError
from tasks.services.models.model_kind import Champion, ModelKind, ScorerT

log = structlog.get_logger(__name__)


def champion(session: Session, tenant_id: str, settings: JsonMapping, kind: ModelKind[ScorerT]) -> Champion[ScorerT]:
    """Return the best rung of the ladder that holds; one whose artifact no longer opens is passed over."""
    tenant_champion = _champion_of(session, tenant_id, kind)
    if tenant_champion is not None:
        return tenant_champion
    if "pooled" not in kind.label.scopes or settings.get("pool") == "off":
        return kind.fallback
    return pooled_champion(session, pooled_models.vertical_of(settings), kind) or kind.fallback


def pooled_champion(session: Session, vertical: str, kind: ModelKind[ScorerT]) -> Champion[ScorerT] | None:
    """Return the champion that the tenants of a vertical share, or None."""
    return _champion_of(session, pooled_models.owner(vertical), kind)


def rival(
    session: Session, tenant_id: str, settings: JsonMapping, kind: ModelKind[ScorerT], scope: Scope
) -> Champion[ScorerT]:
    """Return the champion that a new model of this scope has to beat."""
    if scope == "pooled":
        return pooled_champion(session, pooled_models.vertical_of(settings), kind) or kind.fallback
    return champion(session, tenant_id, settings, kind)


def champion_of_version(
    session: Session, tenant_id: str, version: str, kind: ModelKind[ScorerT]
) -> Champion[ScorerT] | None:
    """Return the scorer that a prediction names, champion or not; None where it cannot answer any more."""
    if version == kind.fallback.version:
        return kind.fallback
    return _open_record(_owner_of(tenant_id, version)[0], record_of(session, tenant_id, version), kind)


def open_version(session: Session, tenant_id: str, version: str, kind: ModelKind[ScorerT]) -> Champion[ScorerT] | None:
    """Return the scorer that a prediction names as `champion_of_version` does, or the champion this process has open.

    It spares reading the artifact. A replay for an audit does not take it: that reads what is stored.
    """
    opened = _champion_of(session, _owner_of(tenant_id, version)[0], kind)
    if opened is not None and opened.version == version:
        return opened
    return champion_of_version(session, tenant_id, version, kind)


def record_of(session: Session, tenant_id: str, version: str) -> ModelRecord | None:
    """Return the registry's row of a model that a prediction names; None where there is none, as of the scorecard."""
    owner, own_version = _owner_of(tenant_id, version)
    return models.get(session, owner, version=own_version)


def version_of(owner: str, record: ModelRecord) -> str:
    """Return how predictions name a model: by its version, after its owner's name where that is no tenant."""
    if not owner.startswith(tenants.RESERVED):
        return record.version
    return f"{owner.removeprefix(tenants.RESERVED)}:{record.version}"


def _owner_of(tenant_id: str, version: str) -> tuple[str, str]:
    owner, separator, own_version = version.rpartition(":")
    return (f"{tenants.RESERVED}{owner}", own_version) if separator else (tenant_id, own_version)


def _champion_of(session: Session, owner: str, kind: ModelKind[ScorerT]) -> Champion[ScorerT] | None:
    key = models.champion_key(session, owner, kind=kind.name)
    if key is None:
        return None
    opened: Champion[ScorerT] | None = _opened.get(key)
    if opened is not None:
        return opened
    record = _champion_record(session, owner, kind.name)
    opened = _open_record(owner, record, kind)
    if record is not None and opened is not None:
        if len(_opened) >= MOST:
            _opened.clear()
        # under its own id: it may have become the champion since we asked
        _opened[record.model_id, record.retrain_at] = opened
    return opened


def _champion_record(session: Session, owner: str, kind: str) -> ModelRecord | None:
    """Return the champion's row; None, and a line in the log, where its artifact was changed or moved."""
    try:
        return models.champion(session, owner, kind=kind)
    except SealBroken:
        log.error("artifact_refused", kind=kind, owner=owner, error="SealBroken")
        return None


#: champions that this process has opened, of every kind (whose scorers share no type), by what alone of a model may
#: change: which one it is, and `retrain_at`
_opened: dict[tuple[str, datetime | None], Champion[Any]] = {}
#: … and the most that are kept
MOST = 64


def _open_record(owner: str, record: ModelRecord | None, kind: ModelKind[ScorerT]) -> Champion[ScorerT] | None:
    if record is None:
        return None
    try:
        scorer = _load(record.artifact, kind.scorers)
    except ArtifactError as error:
        log.error("artifact_refused", version=record.version, error=type(error).__name__)
        return None
    pooled = record.scope == "pooled"
    return Champion(
        kind=record.kind,
        scorer=kind.pool(scorer) if pooled and kind.pool is not None else scorer,
        model_id=None if pooled else record.model_id,
        version=version_of(owner, record),
        scope=record.scope,
        trained_at=record.trained_at,
        rows=record.rows,
        retrain=record.retrain_at is not None,
    )


@lru_cache(maxsize=64)
def _load(artifact: bytes, scorers: tuple[type[artifacts.Scorer], ...]) -> Any:  # the caller's kind knows the type
    return artifacts.load(artifact, {scorer.kind: scorer for scorer in scorers})
