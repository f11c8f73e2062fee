"""Whether a candidate may replace what scores today: only when it is better by more than noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.training.calibration import Bools, Floats
from ml.training.evaluation import checked

RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a candidate is promoted, and why in words."""

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
) -> Decision:
    """Compare probabilities on the same rows by their Brier score with a paired bootstrap. Raises LabelsError.

    `candidate` must be out of fold; so should `champion`, where its training rows overlap. `rival` names it in words.

    >>> decide([False, True] * 50, [0.2, 0.8] * 50, None, seed=0).reason
    'better than the base rate: Brier 0.040 against 0.250'
    >>> decide([False, True] * 50, [0.5, 0.5] * 50, None, seed=0).promoted
    False
    """
    truth, said = checked(labels, candidate)
    rivals = [("the base rate", np.full(len(truth), truth.mean()))]
    if champion is not None:
        rivals.append((rival, checked(labels, champion)[1]))
    verdicts = [_against(truth, said, name, rival, seed) for name, rival in rivals]
    failed = next((verdict for verdict in verdicts if not verdict.promoted), None)
    return failed or verdicts[-1]


def _against(truth: Bools, said: Floats, name: str, rival: Floats, seed: int) -> Decision:
    ours, theirs = (said - truth) ** 2, (rival - truth) ** 2
    gain = theirs - ours
    rng = np.random.default_rng(seed)
    drawn = [gain[rng.integers(len(gain), size=len(gain))].mean() for _ in range(RESAMPLES)]
    figures = f"Brier {ours.mean():.3f} against {theirs.mean():.3f}"
    if np.quantile(drawn, 0.025) > 0:
        return Decision(promoted=True, reason=f"better than {name}: {figures}", rows=len(truth), against=name)
    if gain.mean() > 0:
        return Decision(
            promoted=False,
            reason=f"not better than {name} by more than noise: {figures}",
            rows=len(truth),
            against=name,
        )
    return Decision(promoted=False, reason=f"no better than {name}: {figures}", rows=len(truth), against=name)
