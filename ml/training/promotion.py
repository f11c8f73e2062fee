"""Decide whether a candidate replaces the present champion: only when it is better by more than noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.training.evaluation import validated

RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The decision to promote a candidate or not, with its reason in words."""

    promoted: bool
    reason: str
    #: on how many rows the two were compared, and with whom; 0 where there was nothing to compare by
    rows: int = 0
    against: str = ""


def decide(
    labels: Sequence[bool] | Bools,
    candidate: Sequence[float] | Floats,
    champion: Sequence[float] | Floats | None,
    *,
    seed: int,
    rival: str = "the present champion",
    groups: Sequence[str] | None = None,
) -> Decision:
    """Compare probabilities on the same rows by their Brier score with a paired bootstrap. Raises LabelsError.

    `candidate` must be out of fold; so should `champion`, where its training rows overlap. `rival` names it in words.
    Rows of one of the `groups`, such as those of one lead, are drawn together: they say less than as many leads.

    >>> decide([False, True] * 50, [0.2, 0.8] * 50, None, seed=0).reason
    'better than the base rate: Brier 0.040 against 0.250'
    >>> decide([False, True] * 50, [0.5, 0.5] * 50, None, seed=0).promoted
    False
    """
    truth, predicted = validated(labels, candidate)
    rivals = [("the base rate", np.full(len(truth), truth.mean()))]
    if champion is not None:
        rivals.append((rival, validated(labels, champion)[1]))
    of = np.arange(len(truth)) if groups is None else np.unique(groups, return_inverse=True)[1]
    verdicts = [_against((predicted - truth) ** 2, (rival - truth) ** 2, name, of, seed) for name, rival in rivals]
    failed = next((verdict for verdict in verdicts if not verdict.promoted), None)
    return failed or verdicts[-1]


def _against(ours: Floats, theirs: Floats, name: str, of: Ints, seed: int) -> Decision:
    gain = theirs - ours
    figures = f"Brier {ours.mean():.3f} against {theirs.mean():.3f}"
    if np.quantile(_drawn(gain, of, seed), 0.025) > 0:
        return Decision(promoted=True, reason=f"better than {name}: {figures}", rows=len(gain), against=name)
    no = "not better than {} by more than noise" if gain.mean() > 0 else "no better than {}"
    return Decision(promoted=False, reason=f"{no.format(name)}: {figures}", rows=len(gain), against=name)


def _drawn(gain: Floats, of: Ints, seed: int) -> list[float]:
    """Return the mean gain of a row in each of many draws of groups."""
    gains = np.bincount(of, weights=gain).astype(np.float64)
    rows = np.bincount(of)
    rng = np.random.default_rng(seed)
    draws = (rng.integers(len(rows), size=len(rows)) for _ in range(RESAMPLES))
    return [float(gains[draw].sum() / rows[draw].sum()) for draw in draws]
