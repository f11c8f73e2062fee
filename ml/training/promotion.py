"""Decide whether a candidate replaces the present champion: when it is better by more than noise and worth a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.promotions import Verdict
from ml.arrays import Bools, Floats, Ints
from ml.training.evaluation import validated
from ml.training.looks import FIRST_LOOK, Look
from ml.training.paired_test import p_value

#: the gain that is worth a change of scores, as a share of the rival's Brier score
MIN_GAIN = 0.01
#: who has to be beaten besides the champion
BASE_RATE: Final = "the base rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict on a candidate, with its reason in words."""

    #: promote, shadow or refuse; a person is asked where the caller wants it
    verdict: Verdict
    reason: str
    #: on how many rows the two were compared, and with whom; 0 where there was nothing to compare by
    rows: int = 0
    against: str = ""
    #: number of the comparison among those with this champion, and the p-value at which it promotes; 0: none was made
    look: int = 0
    level: float = 0.0
    #: risk of a false promotion that was taken with this champion so far, this look included
    spent: float = 0.0
    #: chance of such a gain between equals; None where nothing was compared
    p_value: float | None = None
    #: how much lower the candidate's Brier score is, as a share of the rival's
    gain: float | None = None

    @property
    def promoted(self) -> bool:
        """Return whether the candidate has earned its promotion."""
        return self.verdict == "promote"


def decide(
    labels: Sequence[bool] | Bools,
    candidate: Sequence[float] | Floats,
    champion: Sequence[float] | Floats | None,
    *,
    look: Look,
    rival: str = "the present champion",
    groups: Sequence[str] | None = None,
) -> Decision:
    """Compare probabilities on the same rows by their Brier score, at the level of this look. Raises LabelsError.

    `candidate` must be out of fold; so should `champion`, where its training rows overlap. `rival` names it in words.
    Rows of one of the `groups`, such as those of one lead, count together: they say less than as many leads. Who does
    not beat the base rate is refused; who seems better than the rival, but not surely, is a shadow.

    >>> decide([False, True] * 50, [0.2, 0.8] * 50, None, look=FIRST_LOOK).reason
    'better than the base rate: Brier 0.040 against 0.250'
    >>> decide([False, True] * 50, [0.5, 0.5] * 50, None, look=FIRST_LOOK).verdict
    'refuse'
    """
    truth, predicted = validated(labels, candidate)
    of = np.arange(len(truth)) if groups is None else np.unique(groups, return_inverse=True)[1]
    ours = (predicted - truth) ** 2
    constant = (truth.mean() - truth) ** 2
    if champion is None:
        return _against(ours, constant, BASE_RATE, of, look)
    # beating the base rate is asked beside the comparison and never promotes alone, so it spends nothing
    able = _against(ours, constant, BASE_RATE, of, FIRST_LOOK)
    compared = _against(ours, (validated(labels, champion)[1] - truth) ** 2, rival, of, look)
    return compared if able.promoted else _refused(able, look)


def _against(ours: Floats, theirs: Floats, name: str, of: Ints, look: Look) -> Decision:
    gains = theirs - ours
    gain = float(gains.mean() / theirs.mean()) if theirs.any() else 0.0
    chance = p_value(gains, of)
    verdict, words = _verdict(chance, gain, name, look)
    return Decision(
        verdict=verdict,
        reason=f"{words}: Brier {ours.mean():.3f} against {theirs.mean():.3f}",
        rows=len(gains),
        against=name,
        look=look.number,
        level=look.level,
        spent=look.spent,
        p_value=chance,
        gain=gain,
    )


def _verdict(chance: float, gain: float, name: str, look: Look) -> tuple[Verdict, str]:
    if gain <= 0:
        return "refuse", f"no better than {name}"
    unsure: Verdict = "refuse" if name == BASE_RATE else "shadow"
    if chance > look.level:
        at = "" if look.number == 1 else f" at look {look.number}"
        return unsure, f"not better than {name} by more than noise{at}"
    if gain < MIN_GAIN:
        return unsure, f"better than {name} by less than {MIN_GAIN:.0%}, too little for a change"
    return "promote", f"better than {name}"


def _refused(able: Decision, look: Look) -> Decision:
    """Return the refusal of a candidate that does not beat the base rate, as the look that it was."""
    return Decision(
        verdict="refuse",
        reason=able.reason,
        rows=able.rows,
        against=able.against,
        look=look.number,
        level=look.level,
        spent=look.spent,
        p_value=able.p_value,
        gain=able.gain,
    )
