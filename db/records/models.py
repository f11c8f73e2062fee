"""Trained models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.documents import JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDraft:
    """A trained model to be registered."""

    kind: str
    #: tenant or pooled
    scope: str
    artifact: bytes
    feature_schema: str
    metrics: JsonMapping
    #: rows, positives, seed, library versions, features, decision
    report: JsonMapping
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
    #: candidate, shadow, waiting, champion or retired
    state: str
    artifact: bytes
    feature_schema: str
    metrics: JsonMapping
    report: JsonMapping
    rows: int
    fingerprint: str
    trained_at: datetime
    #: when it last became the champion
    promoted_at: datetime | None = None
    #: when it was rolled back to the champion before it
    rolled_back_at: datetime | None = None
    #: since when a lead that it was trained on is erased; None = no lead is
    retrain_at: datetime | None = None
