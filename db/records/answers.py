"""Snapshots, predictions and the models that made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from db.records.common import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotDraft:
    """The features of one lead as of a moment."""

    lead_id: str
    lead_version: int
    as_of: datetime
    #: `as_of` cut to the tenant's scoring interval; one snapshot per (lead, lead_version, bucket, feature_schema)
    bucket: datetime
    feature_schema: str
    #: feature name -> finite number, level or None; stored sealed
    features: Mapping[str, float | str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRecord:
    """A stored snapshot, opened."""

    snapshot_id: str
    lead_id: str
    lead_version: int
    as_of: datetime
    feature_schema: str
    features: Mapping[str, float | str | None]
    label: bool | None
    label_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionDraft:
    """One model's answer for one snapshot."""

    lead_id: str
    snapshot_id: str
    #: `lead_score`, `urgency`, later `churn` …
    kind: str
    #: id of the model version; None = the written scorecard or a rule
    model_id: str | None
    #: e.g. `lead_score-0003` or `scorecard-1`
    model_version: str
    #: tenant, pooled or scorecard
    scope: str
    probability: float | None
    band: str | None
    #: reasons and figures, finite, no personal data
    detail: Json
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRecord:
    """A stored answer."""

    prediction_id: str
    lead_id: str
    snapshot_id: str
    kind: str
    model_id: str | None
    model_version: str
    scope: str
    probability: float | None
    band: str | None
    detail: Json
    as_of: datetime
    computed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDraft:
    """A trained model to be registered."""

    kind: str
    #: tenant or pooled
    scope: str
    artifact: bytes
    feature_schema: str
    metrics: Json
    #: rows, positives, seed, library versions, features, decision
    report: Json
    rows: int
    #: of the training data; one model version per (tenant, kind, scope, fingerprint)
    fingerprint: str
    trained_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """A registered model version."""

    model_id: str
    kind: str
    scope: str
    #: `<kind>-<four digits>`, counted per tenant and kind
    version: str
    #: candidate, champion or retired
    state: str
    artifact: bytes
    feature_schema: str
    metrics: Json
    report: Json
    rows: int
    fingerprint: str
    trained_at: datetime
    #: when it last became the champion
    promoted_at: datetime | None = None
    #: when somebody went back from it to the champion before
    rolled_back_at: datetime | None = None
    #: since when a lead that it was trained on is forgotten; None = all are there
    retrain_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessmentRecord:
    """A run of the assess pipeline over some leads."""

    assessment_id: str
    #: running, ok or partial
    state: str
    lead_ids: tuple[str, ...]
    snapshot_ids: tuple[str, ...]
    as_of: datetime
    due_at: datetime
    #: stage name -> pending, ok, failed or late
    stages: Mapping[str, str]
    finished_at: datetime | None
