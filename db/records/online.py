"""Signals: what became of scored snapshots, which online learners learn in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.targets import SignalOrigin, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSnapshot:
    """A snapshot that a model scored, with that score."""

    lead_id: str
    snapshot_id: str
    as_of: datetime
    #: the newest of the snapshot's predictions of this kind
    probability: float | None
    model_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDraft:
    """A label of a scored snapshot, to be stored once."""

    target: Target
    lead_id: str
    snapshot_id: str
    label: bool
    origin: SignalOrigin
    #: when it happened, else when the horizon ended
    occurred_at: datetime
    #: of the snapshot
    as_of: datetime
    #: the batch score of the snapshot, and the model that gave it
    served_probability: float | None
    served_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRecord:
    """A stored signal, with the features of its snapshot decrypted."""

    #: the place among the tenant's signals of this target, from 1; a hole is a signal that was erased
    seq: int
    signal_id: str
    target: Target
    lead_id: str
    snapshot_id: str
    features: Mapping[str, float | str | None]
    label: bool
    #: 0; 1 and more: a later label that contradicts the one before
    revision: int
    #: when it happened, else when the horizon ended
    occurred_at: datetime
    #: of the snapshot
    as_of: datetime
    recorded_at: datetime
    #: the batch score of the snapshot, and the model that gave it
    served_probability: float | None
    served_version: str | None
    origin: SignalOrigin = "outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaturedSignal:
    """A label that stands because a horizon passed: something that came late may contradict it."""

    target: Target
    snapshot: ScoredSnapshot
    label: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelDelay:
    """How long after their snapshots the labels of a target were known."""

    #: labels that were looked at, the newest ones
    signals: int
    p50: timedelta
    p90: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class MaturityCursor:
    """Up to which snapshot the horizon of a target was looked at, by moment and id."""

    as_of: datetime
    snapshot_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSnapshot:
    """A snapshot whose horizon has passed."""

    lead_id: str
    place: MaturityCursor
    #: None: no model scored it
    scored: ScoredSnapshot | None
    #: when the lead was scored next; None: not since
    next_at: datetime | None
