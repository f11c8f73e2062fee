"""What the online models answer with: a score, and a report over all outcomes so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineScore:
    """The probability of an outcome, as the blend says it now."""

    #: above 0 and below 1
    probability: float
    #: 0 to 1: how much was learnt, and how far the experts agree; 0 before the first outcome
    confidence: float
    #: what each expert says, in the order of EXPERTS; give it back to `learn` when the outcome comes
    experts: tuple[float, ...]
    #: outcomes that were learnt before this score
    signals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceReport:
    """How it would be if one leader served, who changes only when another is better by more than noise."""

    leader: str
    #: None before the first outcome
    accuracy: float | None
    log_loss: float | None
    #: how often the leader changed
    changes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineReport:
    """Test-then-train figures over all outcomes so far, each scored before it was learnt."""

    signals: int
    positives: int
    #: None before the first outcome, as the figures below
    accuracy: float | None
    log_loss: float | None
    #: calibration error over ten bins of equal width
    ece: float | None
    #: agreement beyond that of guessing by the class rates; beyond that of "as last time"
    kappa: float | None
    kappa_t: float | None
    #: accuracy of "as last time"
    no_change: float | None
    #: expert that is blended -> its weight now; they add up to 1
    weights: Mapping[str, float]
    #: weight of the calibrated blends in what is served
    calibrated: float
    #: learner with the lowest log-loss of late
    leader: str
    race: RaceReport
