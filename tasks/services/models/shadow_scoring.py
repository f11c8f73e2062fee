"""Score beside what was served, by models that do not answer: from the snapshots that the served scores are of."""

from __future__ import annotations

from datetime import timedelta

from db.records import ServedSnapshot, ShadowRecord, ShadowScoreRecord
from db.repositories.models import shadow_scores
from db.repositories.predictions import snapshots
from db.session import EVERY_TENANT, Session, reading
from domain.retraining import WATCHED_DAYS
from ml.ensemble.scorer import EnsembleScorer
from ml.features import SCHEMA_VERSION
from ml.profiles import FeatureMatrix
from tasks.runtime.context import TaskContext
from tasks.services.models import model_registry
from tasks.services.models.model_kinds import MODEL_KINDS

#: snapshots that one shadow scores in one transaction
AT_ONCE = 500


def shadows(context: TaskContext) -> list[ShadowRecord]:
    """Return the models of all tenants that score beside their champion; kinds of a later version are left out."""
    with reading(EVERY_TENANT) as session:
        found = shadow_scores.shadows(session, promoted_after=context.now - timedelta(days=WATCHED_DAYS))
    return [shadow for shadow in found if shadow.kind in MODEL_KINDS]


def score_beside(session: Session, context: TaskContext, shadow: ShadowRecord) -> int:
    """Score the oldest snapshots that a shadow has not scored; return how many that are."""
    waiting = shadow_scores.unscored(session, shadow, feature_schema=SCHEMA_VERSION, limit=AT_ONCE)
    scorer = _scorer(session, shadow) if waiting else None
    if scorer is None:
        return 0
    read = snapshots.get(session, shadow.tenant_id, snapshot_ids=[served.snapshot_id for served in waiting])
    probabilities = scorer.quick(FeatureMatrix.from_rows([snapshot.features for snapshot in read])).tolist()
    records = [_beside(shadow, served, probability) for served, probability in zip(waiting, probabilities, strict=True)]
    shadow_scores.add(session, shadow.tenant_id, records=records, now=context.now)
    return len(records)


def _scorer(session: Session, shadow: ShadowRecord) -> EnsembleScorer | None:
    """Return the shadow's scorer; None where its artifact does not open, which the log says."""
    opened = model_registry.champion_of_version(session, shadow.tenant_id, shadow.version, MODEL_KINDS[shadow.kind])
    scorer = None if opened is None else opened.scorer
    return scorer if isinstance(scorer, EnsembleScorer) else None


def _beside(shadow: ShadowRecord, served: ServedSnapshot, probability: float) -> ShadowScoreRecord:
    return ShadowScoreRecord(
        version=shadow.version,
        snapshot_id=served.snapshot_id,
        kind=shadow.kind,
        lead_id=served.lead_id,
        probability=probability,
        served_probability=served.served_probability,
        served_version=served.served_version,
        as_of=served.as_of,
    )
