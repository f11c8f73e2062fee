"""Who is held out: the same lead always gets the same answer, without anything to store or to ask."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


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
    held = place(unit, experiment) < share
    return Assignment(held_out=held, propensity=share if held else 1 - share)


def place(unit: str, experiment: str) -> float:
    """Give the unit's place in an experiment: evenly spread over 0 to 1, the 1 left out."""
    # the length keeps ("a", "b:c") apart from ("a:b", "c"); 53 bits are what a float holds exactly
    digest = hashlib.sha256(f"{len(experiment)}:{experiment}:{unit}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53
