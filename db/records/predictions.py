"""Feature snapshots, predictions made from them, runs of the assess pipeline, and the value report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.documents import JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotDraft:
    """The features of one lead as of a time."""

    lead_id: str
    lead_version: int
    as_of: datetime
    #: `as_of` cut to the tenant's scoring interval; one snapshot per (lead, lead_version, bucket, feature_schema)
    bucket: datetime
    feature_schema: str
    #: feature name -> finite number, level or None; stored sealed
    features: Mapping[str, float | str | None]
    #: what the features were made of, as JSON, for stages that follow; stored sealed for a short while
    profile: JsonMapping | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRecord:
    """A stored snapshot, decrypted."""

    snapshot_id: str
    lead_id: str
    lead_version: int
    as_of: datetime
    feature_schema: str
    features: Mapping[str, float | str | None]
    label: bool | None
    label_at: datetime | None
    #: None where it was not asked for, was never stored or is purged
    profile: JsonMapping | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionDraft:
    """One model's prediction for one snapshot."""

    lead_id: str
    snapshot_id: str
    #: `lead_score`, `urgency`, later `churn` …
    kind: str
    #: id of the model version; None = the built-in scorecard or a rule
    model_id: str | None
    #: e.g. `lead_score-0003` or `scorecard-1`
    model_version: str
    #: tenant, pooled or scorecard
    scope: str
    probability: float | None
    band: str | None
    #: reasons and figures, finite, no personal data
    detail: JsonMapping
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRecord:
    """A stored prediction."""

    prediction_id: str
    lead_id: str
    snapshot_id: str
    kind: str
    model_id: str | None
    model_version: str
    scope: str
    probability: float | None
    band: str | None
    detail: JsonMapping
    as_of: datetime
    computed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorScore:
    """The newest prediction of a lead before another one, and what happened to the lead since."""

    #: band, probability and model of the prediction before; None where there is none
    band: str | None
    probability: float | None
    model_version: str | None
    #: the lead's version that it was made from
    scored_version: int | None
    #: the lead's version now, and the one at which an import last left it
    version: int
    loaded_version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTally:
    """A count of scores of one kind and band that are no news of single leads."""

    #: why they are none: loaded, new_model
    cause: str
    kind: str
    band: str
    leads: int
    #: leads that came to this band from a lower one, and from a higher one
    up: int
    down: int
    #: the newest moment that these scores are as of
    as_of: datetime
    #: when the first of them was stored; None: not stored yet
    since: datetime | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RealisedRecord:
    """A lead whose outcome is known, with the band that was predicted for it."""

    lead_id: str
    #: band of the newest prediction before the outcome; None without one
    band: str | None
    #: True won, False lost
    label: bool
    deal_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactTally:
    """The leads of one agent."""

    #: None: leads that are assigned to nobody
    agent: str | None
    #: leads that are open, or ended within the time
    leads: int
    #: those among them that were contacted within the time
    contacted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewerTally:
    """The counts of one person's overrides and feedback."""

    actor: str
    overrides: int
    marks: int
