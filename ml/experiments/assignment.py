"""Assign leads to arms by a hash: the same lead always gets the same arm, and nothing has to be stored."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from statistics import NormalDist

#: standard errors that arms lie from their shares once in 1,000
_FAR = NormalDist().inv_cdf(1 - 0.001 / 2)
#: variance from which on counts are as good as normal
_ENOUGH = 10.0


@dataclass(frozen=True, slots=True)
class Assignment:
    """The arm that a unit got."""

    held_out: bool
    #: the chance that it got this arm
    propensity: float


def assign(unit: str, *, experiment: str, share: float) -> Assignment:
    """Hold a unit out with the chance `share`, by its hash alone; who is held out at a share is so at any larger one.

    Experiments divide the same units independently of one another: a caller with tenants puts theirs into `experiment`.
    Raises ValueError for a share outside 0 to 1.

    >>> assign("lead-2", experiment="tenant-1/interventions", share=0.1)
    Assignment(held_out=False, propensity=0.9)
    """
    if not 0 <= share <= 1:
        raise ValueError("a share lies between 0 and 1")
    held_out = place(unit, experiment) < share
    return Assignment(held_out=held_out, propensity=share if held_out else 1 - share)


def place(unit: str, experiment: str) -> float:
    """Return the unit's place in an experiment: evenly spread over 0 to 1, the 1 left out."""
    # the length keeps ("a", "b:c") apart from ("a:b", "c"); 53 bits are what a float holds exactly
    digest = hashlib.sha256(f"{len(experiment)}:{experiment}:{unit}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def lopsided(sent: int, held_out: int, share: float) -> bool:
    """Return whether arms lie further from their shares than chance puts them (p < .001).

    If so, something besides the hash sorted the leads, and a difference between the arms may be its doing. Few leads
    say nothing.

    >>> lopsided(900, 100, 0.1), lopsided(940, 60, 0.1), lopsided(9, 5, 0.1)
    (False, True, False)
    """
    count = sent + held_out
    variance = count * share * (1 - share)
    return variance >= _ENOUGH and abs(held_out - count * share) > _FAR * math.sqrt(variance)
