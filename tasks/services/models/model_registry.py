"""Which scorer answers for a tenant: its own champion, else the one its vertical shares, else the written scorecard.

Churn has no shared rung: when leads go cold depends on how a brokerage works them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

import structlog

from db.errors import SealBroken
from db.records import ModelRecord
from db.repositories import tenants
from db.repositories.models import models, pooled_models
from db.session import Session
from ml import artifacts
from ml.churn import scorecard as churn_card
from ml.churn.scorer import ChurnScorer
from ml.errors import ArtifactError, ArtifactKindError
from ml.leads import LeadScorer, Scorecard
from ml.leads.multi_tenant import Pooled
from ml.leads.scorecard import VERSION

log = structlog.get_logger(__name__)

KIND, CHURN = "lead_score", "churn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What an answer says of the scorer that gave it."""

    kind: str
    #: None: not a model of the tenant's own
    model_id: str | None
    version: str
    #: tenant, pooled or scorecard
    scope: str
    trained_at: datetime | None
    rows: int
    #: it was trained on a lead that was forgotten since
    retrain: bool = False

    def model(self) -> dict[str, Any]:
        """The `model` part of an envelope."""
        return {
            "name": self.kind,
            "version": self.version,
            "trained_at": self.trained_at,
            "rows": self.rows,
            "calibrated": self.scope != "scorecard",
            "scope": self.scope,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion(Serving):
    """A lead scorer that is ready to answer."""

    scorer: LeadScorer | Scorecard | Pooled


@dataclass(frozen=True, slots=True, kw_only=True)
class ChurnChampion(Serving):
    """What is ready to tell the risk that leads go cold."""

    #: None: the written scorecard, which reads the indicators
    scorer: ChurnScorer | None


def champion(session: Session, tenant_id: str, settings: Mapping[str, Any]) -> Champion:
    """The best rung of the ladder that holds; one whose artifact does not open any more is passed over."""
    own = _champion_of(session, tenant_id, KIND, Champion)
    if own is not None:
        return own
    shared = None if settings.get("pool") == "off" else pooled_champion(session, pooled_models.vertical_of(settings))
    return shared or SCORECARD


def pooled_champion(session: Session, vertical: str) -> Champion | None:
    """The champion that the tenants of a vertical share, or None."""
    return _champion_of(session, pooled_models.owner(vertical), KIND, Champion)


def churn_champion(session: Session, tenant_id: str) -> ChurnChampion:
    """The tenant's own model of churn, else the written scorecard."""
    return _champion_of(session, tenant_id, CHURN, ChurnChampion) or CHURN_SCORECARD


def of_version(session: Session, tenant_id: str, version: str) -> Champion | ChurnChampion | None:
    """The scorer that an answer names, also where it is no champion any more; None where it cannot answer again."""
    for written in (SCORECARD, CHURN_SCORECARD):
        if version == written.version:
            return written
    return _ready(_owner_of(tenant_id, version)[0], record_of(session, tenant_id, version))


def record_of(session: Session, tenant_id: str, version: str) -> ModelRecord | None:
    """The registry's row of a model that an answer names; None where there is none, as of the scorecard."""
    owner, own_version = _owner_of(tenant_id, version)
    return models.get(session, owner, version=own_version)


def version_of(owner: str, record: ModelRecord) -> str:
    """How answers name a model: by its version, after its owner's name where that is no tenant."""
    return (
        f"{owner.removeprefix(tenants.RESERVED)}:{record.version}"
        if owner.startswith(tenants.RESERVED)
        else record.version
    )


def _owner_of(tenant_id: str, version: str) -> tuple[str, str]:
    owner, parted, own_version = version.rpartition(":")
    return (f"{tenants.RESERVED}{owner}", own_version) if parted else (tenant_id, own_version)


ChampionT = TypeVar("ChampionT", Champion, ChurnChampion)


def _champion_of(session: Session, owner: str, kind: str, wanted: type[ChampionT]) -> ChampionT | None:
    key = models.champion_key(session, owner, kind=kind)
    if key is None:
        return None
    found = _opened.get(key)
    if found is None:
        record = _champion_record(session, owner, kind)
        found = _ready(owner, record)
        if record is not None and found is not None:
            if len(_opened) >= MOST:
                _opened.clear()
            # under its own id: it may have become the champion since we asked
            _opened[record.model_id, record.retrain_at] = found
    return found if isinstance(found, wanted) else None


def _champion_record(session: Session, owner: str, kind: str) -> ModelRecord | None:
    """The champion's row; None where its artifact was changed or moved: the next rung answers, and the log says it."""
    try:
        return models.champion(session, owner, kind=kind)
    except SealBroken:
        log.error("artifact_refused", kind=kind, owner=owner, error="SealBroken")
        return None


#: champions that this process has opened, by what alone of a model may change: which one it is, and `retrain_at`
_opened: dict[tuple[str, datetime | None], Champion | ChurnChampion] = {}
#: … and the most that are kept
MOST = 64


def _ready(owner: str, record: ModelRecord | None) -> Champion | ChurnChampion | None:
    if record is None:
        return None
    try:
        scorer = _open(record.artifact)
        if scorer.kind != record.kind and not isinstance(scorer, Scorecard):
            raise ArtifactKindError("the artifact holds another kind of model; train the model again")
    except ArtifactError as error:
        log.error("artifact_refused", version=record.version, error=type(error).__name__)
        return None
    facts: dict[str, Any] = {
        "kind": record.kind,
        "model_id": None if record.scope == "pooled" else record.model_id,
        "version": version_of(owner, record),
        "scope": record.scope,
        "trained_at": record.trained_at,
        "rows": record.rows,
        "retrain": record.retrain_at is not None,
    }
    if isinstance(scorer, ChurnScorer):
        return ChurnChampion(scorer=scorer, **facts)
    if isinstance(scorer, LeadScorer) and record.scope == "pooled":
        return Champion(scorer=Pooled(scorer), **facts)
    return Champion(scorer=scorer, **facts)


@lru_cache(maxsize=64)
def _open(artifact: bytes) -> LeadScorer | Scorecard:
    return artifacts.load(artifact)


_WRITTEN: dict[str, Any] = {"model_id": None, "scope": "scorecard", "trained_at": None, "rows": 0}
SCORECARD = Champion(kind=KIND, scorer=Scorecard(), version=f"scorecard-{VERSION}", **_WRITTEN)
CHURN_SCORECARD = ChurnChampion(kind=CHURN, scorer=None, version=f"churn-scorecard-{churn_card.VERSION}", **_WRITTEN)
