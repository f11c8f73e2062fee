"""A lead's score and how it is put together from contributions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from domain.scores import HOT, WARM, Band
from ml.arrays import Floats, expit
from ml.ensemble.ensemble import added
from ml.ensemble.explained import Explained, clamped
from ml.explain import Reason, RestPart
from ml.features.meanings import meanings_of

#: a smaller contribution is no reason
_WORTH_SAYING = 0.01
#: parts of the rest that are named, beside `ALL_ELSE`
NAMED_PARTS = 3
#: what is left then, with what counts for a lead though nothing is known of it
ALL_ELSE = "all else: small signs, and what is not known"
#: share of a meaning's contribution that sensible features must make up for it to be a reason
_SENSIBLE = 0.5
#: features that a reason names at most, and the share of the strongest one's contribution that earns a place beside it
_NAMED_FEATURES, _BESIDE = 2, 1 / 3
#: what adding up in another order may leave over
_ROUNDING = 1e-9


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
    #: log-odds of everything not among these reasons
    rest: float
    #: who they are, 0 to 100; 50 is average
    fit: float
    #: what they do, 0 to 100; 50 is average
    engagement: float
    #: share of the model's features that are known, 0 to 1
    data_quality: float
    #: of leads scored like this the share that closes lies between these, 9 times in 10; None where nobody measured it
    interval: tuple[float, float] | None = None
    #: what `rest` is made of, strongest first, what is not named last; they add up to it. Empty where no reason was
    #: asked for
    rest_parts: tuple[RestPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """The reasons of one lead, and the parts of its rest that can be named."""

    up: tuple[Reason, ...]
    down: tuple[Reason, ...]
    parts: tuple[RestPart, ...]


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
    intervals = _intervals(explained, probabilities)
    told = _reasons(explained, explain)
    rests = [_rest(float(log_odds[row]), explained.base, told[row]) for row in range(len(told))]
    return [
        LeadScore(
            probability=float(probabilities[row]),
            score=round(100 * float(probabilities[row])),
            log_odds=float(log_odds[row]),
            base=explained.base,
            up=told[row].up,
            down=told[row].down,
            rest=rests[row],
            rest_parts=_rest_parts(rests[row], told[row].parts) if explain else (),
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


def _reasons(explained: Explained, most: int) -> list[_Told]:
    """Return the reasons of each lead by meaning, up to `most` in each direction.

    A meaning whose contribution comes for the greater part from features that contradict sense is no reason.
    """
    if not most:
        return [_Told(up=(), down=(), parts=())] * len(explained.contributions)
    meanings = meanings_of(explained.features)
    sensible = np.where(explained.absurd, 0.0, explained.contributions)
    net, upward, downward = meanings.sums(
        np.stack([explained.contributions, np.maximum(sensible, 0.0), np.minimum(sensible, 0.0)])
    )
    supported = np.where(net > 0, upward, -downward) >= _SENSIBLE * np.abs(net)
    is_known = meanings.sums(explained.known.astype(np.float64)) > 0
    worth = np.where((supported | is_known) & (np.abs(net) > _WORTH_SAYING), net, 0.0)
    order = np.argsort(-np.abs(worth), axis=1, kind="stable")
    ranked = (order, np.take_along_axis(worth, order, axis=1), np.take_along_axis(supported, order, axis=1))
    return [
        _told(explained, row, strengths, zip(*meaning, strict=True), most)
        for row, (strengths, *meaning) in enumerate(
            zip(sensible.tolist(), *(part.tolist() for part in ranked), strict=True)
        )
    ]


def _told(
    explained: Explained, row: int, sensible: list[float], ranked: Iterable[tuple[int, float, bool]], most: int
) -> _Told:
    """Put the meanings of one lead, strongest first, where they are told: up, down, or as a part of the rest.

    One that contradicts sense is a part of the rest by its name alone: its values would be told as absurd reasons.
    """
    meanings = meanings_of(explained.features)
    up: list[Reason] = []
    down: list[Reason] = []
    parts: list[RestPart] = []
    for place, value, supported in ranked:
        if not value:
            break
        way, meaning = up if value > 0 else down, meanings.words[place]
        if supported and len(way) < most:
            named = _strongest(meanings.members[place], sensible, value)
            text = ", ".join([explained.text(row, index) for index in named])
            feature = explained.features[named[0]]
            way.append(Reason(feature=feature, text=text, contribution=value, meaning=meaning))
        elif len(parts) < NAMED_PARTS:
            named = _strongest(meanings.members[place], sensible, value) if supported else []
            text = explained.text(row, named[0]) if named else f"{meaning}, taken together"
            parts.append(RestPart(text=text, contribution=value))
    return _Told(up=tuple(up), down=tuple(down), parts=tuple(parts))


def _strongest(members: tuple[int, ...], sensible: list[float], value: float) -> list[int]:
    """Return the features to name: the strongest of those that move the score the way their meaning does."""
    if len(members) == 1:
        return [*members]
    ranked = sorted(members, key=sensible.__getitem__, reverse=value > 0)
    least = _BESIDE * sensible[ranked[0]]
    return [index for index in ranked[:_NAMED_FEATURES] if sensible[index] / least >= 1]


def _rest(log_odds: float, base: float, told: _Told) -> float:
    return log_odds - base - sum(reason.contribution for reason in told.up + told.down)


def _rest_parts(rest: float, named: tuple[RestPart, ...]) -> tuple[RestPart, ...]:
    left = rest - sum([part.contribution for part in named])
    return named if abs(left) <= _ROUNDING else (*named, RestPart(text=ALL_ELSE, contribution=left))


def _axis(contributions: Floats) -> Floats:
    axis: Floats = np.round(100 * expit(added(contributions)), 1)
    return axis
