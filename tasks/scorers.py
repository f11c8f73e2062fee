"""Which scorer answers for a tenant: its own champion, else the written scorecard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import structlog

from db.repositories import models
from db.session import Session
from ml import artifacts
from ml.errors import ArtifactError
from ml.leads import LeadScorer, Scorecard
from ml.leads.scorecard import VERSION

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """A scorer that is ready to answer, and what an answer says of it."""

    scorer: LeadScorer | Scorecard
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
            "name": "lead_score",
            "version": self.version,
            "trained_at": self.trained_at,
            "rows": self.rows,
            "calibrated": self.scope != "scorecard",
            "scope": self.scope,
        }


def champion(session: Session, tenant_id: str) -> Champion:
    """The tenant's champion; the scorecard where there is none or its artifact does not open any more."""
    record = models.champion(session, tenant_id, kind="lead_score")
    if record is None:
        return SCORECARD
    try:
        scorer = _open(record.artifact)
    except ArtifactError as error:
        log.error("artifact_refused", version=record.version, error=type(error).__name__)
        return SCORECARD
    return Champion(
        scorer=scorer,
        model_id=record.model_id,
        version=record.version,
        scope=record.scope,
        trained_at=record.trained_at,
        rows=record.rows,
        retrain=record.retrain_at is not None,
    )


@lru_cache(maxsize=64)
def _open(artifact: bytes) -> LeadScorer | Scorecard:
    return artifacts.load(artifact)


SCORECARD = Champion(
    scorer=Scorecard(), model_id=None, version=f"scorecard-{VERSION}", scope="scorecard", trained_at=None, rows=0
)
