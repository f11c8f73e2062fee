"""A lead's score and how it is put together from contributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from domain.scores import HOT, WARM, Band
from ml.arrays import Floats
from ml.ensemble.ensemble import added
from ml.ensemble.explained import Explained, clamped
from ml.explain import Reason

#: a smaller contribution is no reason
_WORTH_SAYING = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadScore:
    """A lead's chance to close, with reasons: `base + sum(up) + sum(down) + rest == log_odds`."""

    #: calibrated, 0.01 to 0.99
    probability: float
    #: the probability in whole per cent
    score: int
    #: before the probability is clamped
    log_odds: float
    #: log-odds of the average lead
    base: float
    #: what speaks for the lead, strongest first
    up: tuple[Reason, ...]
    #: what speaks against it, strongest first
    down: tuple[Reason, ...]
    #: log-odds of everything not named
    rest: float
    #: who they are, 0 to 100; 50 is average
    fit: float
    #: what they do, 0 to 100; 50 is average
    engagement: float
    #: share of the model's features that are known, 0 to 1
    data_quality: float
    #: of leads scored like this the share that closes lies between these, 9 times in 10; None where nobody measured it
    interval: tuple[float, float] | None = None


def band(probability: float, *, hot: float = HOT, warm: float = WARM) -> Band:
    """Name the band of a probability.

    >>> band(0.60), band(0.30), band(0.29)
    ('hot', 'warm', 'cold')
    """
    if probability >= hot:
        return "hot"
    return "warm" if probability >= warm else "cold"


def assemble(explained: Explained, *, explain: int) -> list[LeadScore]:
    """Make the scores of many leads, each with up to `explain` reasons for and against it."""
    contributions = explained.contributions
    log_odds = explained.log_odds()
    probabilities = clamped(log_odds)
    fit, engagement = (_axis(contributions[:, mask]) for mask in (explained.contextual, ~explained.contextual))
    quality = explained.known.mean(axis=1) if contributions.shape[1] else np.zeros(len(contributions))
    shown = np.where(explained.absurd, 0.0, contributions)
    intervals = _intervals(explained, probabilities)
    ups, downs = _strongest(explained, -shown, explain), _strongest(explained, shown, explain)
    return [
        LeadScore(
            probability=float(probabilities[row]),
            score=round(100 * float(probabilities[row])),
            log_odds=float(log_odds[row]),
            base=explained.base,
            up=ups[row],
            down=downs[row],
            rest=_rest(float(log_odds[row]), explained.base, ups[row] + downs[row]),
            fit=float(fit[row]),
            engagement=float(engagement[row]),
            data_quality=float(quality[row]),
            interval=intervals[row],
        )
        for row in range(len(contributions))
    ]


def _intervals(explained: Explained, probabilities: Floats) -> list[tuple[float, float] | None]:
    if explained.interval is None:
        return [None] * len(probabilities)
    low, high = explained.interval(probabilities)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _strongest(explained: Explained, ranked: Floats, most: int) -> list[tuple[Reason, ...]]:
    best = np.argsort(ranked, axis=1, kind="stable")[:, :most]
    worth = np.take_along_axis(ranked, best, axis=1) < -_WORTH_SAYING
    values = np.take_along_axis(explained.contributions, best, axis=1)
    return [
        tuple(
            Reason(feature=explained.features[index], text=explained.text(row, index), contribution=value)
            for index, value, good in zip(indices, amounts, goods, strict=True)
            if good
        )
        for row, (indices, amounts, goods) in enumerate(
            zip(best.tolist(), values.tolist(), worth.tolist(), strict=True)
        )
    ]


def _rest(log_odds: float, base: float, reasons: tuple[Reason, ...]) -> float:
    return log_odds - base - sum(reason.contribution for reason in reasons)


def _axis(contributions: Floats) -> Floats:
    axis: Floats = np.round(100 * expit(added(contributions)), 1)
    return axis
