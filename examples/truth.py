"""Simulate the true effect of interventions: whether a simulated lead is kept for 30 days, with and without one.

Only tests and benchmarks use it; no file and no cluster contains it. The same seed gives the same results.

>>> from examples import generate
>>> lead = generate.truth(7, 1)["SIM-00001"]
>>> pressed = respond(7, "SIM-00001", lead, "timeline_acceleration")
>>> pressed.sent < pressed.without
True
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

from examples.generate import Truth, sigmoid

#: what sending adds to the log-odds of keeping a lead of average receptivity; one type has no effect and one does harm
LIFTS: Mapping[str, float] = MappingProxyType({
    "proactive_outreach": 0.35,
    "value_reinforcement": 0.20,
    "personal_attention": 0.50,
    "incentive_offer": 0.30,
    "timeline_acceleration": -1.10,
    "concern_addressing": 0.45,
    "social_proof": 0.0,
    "expert_consultation": 0.30,
    "customized_solution": 0.25,
    "relationship_rebuilding": 0.15,
})  # fmt: skip
#: log-odds of keeping a lead without an intervention: intercept, weight of its will to buy, spread of its mood
_START, _WILL, _MOOD = -0.35, 0.4, 0.6
#: standard deviation of the effect of one intervention among leads
_UNLIKE = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A lead's chances of being kept for 30 days."""

    #: when nothing is sent
    without: float
    #: when the intervention is sent
    sent: float

    @property
    def effect(self) -> float:
        """Return the true effect of sending for this lead."""
        return self.sent - self.without


def respond(seed: int, lead_id: str, lead: Truth, intervention: str, *, lifts: Mapping[str, float] = LIFTS) -> Response:
    """Return a lead's chances with and without an intervention; raises KeyError for an unknown intervention."""
    hidden = Random(f"{seed}:{lead_id}:traits")
    mood, receptive = hidden.gauss(0, _MOOD), hidden.gauss(1, _UNLIKE)
    will = math.log(lead.probability / (1 - lead.probability))
    alone = _START + _WILL * will + mood
    return Response(without=sigmoid(alone), sent=sigmoid(alone + lifts[intervention] * receptive))


def kept(seed: int, lead_id: str, lead: Truth, intervention: str, *, sent: bool) -> bool:
    """Return whether the lead is kept when the intervention was sent (`sent`), or when it was not.

    Both cases use the same random number for the lead, so that they differ only by the effect of sending.
    """
    chances = respond(seed, lead_id, lead, intervention)
    luck = Random(f"{seed}:{lead_id}:luck").random()
    return luck < (chances.sent if sent else chances.without)
