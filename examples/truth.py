"""The hidden truth of interventions: what becomes of a simulated lead in 30 days, with what was sent and without it.

Tests and benchmarks alone may ask; no file and no cluster is told. The same seed gives the same worlds.

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

#: what sending adds to the log-odds of keeping a lead that is as receptive as most; one does nothing and one harms
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
#: of the log-odds of keeping a lead to which nothing is sent: start, weight of its will to buy, spread of its mood
_START, _WILL, _MOOD = -0.35, 0.4, 0.6
#: how far leads differ in what the same intervention does to them
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
        """What sending truly changes for this lead."""
        return self.sent - self.without


def respond(seed: int, lead_id: str, lead: Truth, intervention: str, *, lifts: Mapping[str, float] = LIFTS) -> Response:
    """What an intervention would do to a lead; raises KeyError for one that the simulation does not know."""
    hidden = Random(f"{seed}:{lead_id}:traits")
    mood, receptive = hidden.gauss(0, _MOOD), hidden.gauss(1, _UNLIKE)
    will = math.log(lead.probability / (1 - lead.probability))
    alone = _START + _WILL * will + mood
    return Response(without=sigmoid(alone), sent=sigmoid(alone + lifts[intervention] * receptive))


def kept(seed: int, lead_id: str, lead: Truth, intervention: str, *, sent: bool) -> bool:
    """Whether the lead is kept in the world where the intervention was sent, or in the one where it was not.

    Both worlds share the lead's luck, so that they differ by what sending changes alone.
    """
    chances = respond(seed, lead_id, lead, intervention)
    luck = Random(f"{seed}:{lead_id}:luck").random()
    return luck < (chances.sent if sent else chances.without)
