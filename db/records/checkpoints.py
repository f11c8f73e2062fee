"""How far online learners are, what they know up to there, and the scores of the signals that they learnt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.documents import JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRecord:
    """How far the learner of a tenant and target is."""

    target: str
    #: counted up at each rebuild, from 1
    generation: int
    #: number of the newest signal that this generation has learnt; 0: none
    cursor: int
    #: since when it is to be built anew from its signals; None: it stands
    rebuild_at: datetime | None
    #: the newest snapshot that was looked at for an online score; None: none yet
    scored_through: str | None
    #: cursor of the newest checkpoint, and when it was written; None: there is none
    checkpoint_cursor: int | None
    checkpointed_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointDraft:
    """What a learner knows after a signal, to be stored."""

    target: str
    generation: int
    cursor: int
    #: bytes that only its own version of the learners reads; stored sealed
    state: bytes
    #: finite figures, no personal data
    report: JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRecord:
    """A stored checkpoint; its state only where it was asked for and is still kept."""

    target: str
    generation: int
    cursor: int
    state: bytes | None
    #: bytes of the state
    size: int
    report: JsonMapping
    taken_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalScoreRecord:
    """The online score of a signal that was learnt: as it was served, and again before its label was learnt."""

    target: str
    seq: int
    lead_id: str
    snapshot_id: str
    label: bool
    #: generation that learnt it first
    generation: int
    #: at serve time; None: the snapshot had no online score then
    served_probability: float | None
    #: expert -> probability at serve time; None: as above
    served: Mapping[str, float] | None
    #: at label time, before the label was learnt
    probability: float
    #: 0 (it knows the base rate alone) to 1
    confidence: float
    learnt_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedScore:
    """The first online score that a snapshot got."""

    probability: float
    #: expert -> probability
    experts: Mapping[str, float]
    #: when it was computed; None: it was found beside a signal that was learnt
    computed_at: datetime | None = None
