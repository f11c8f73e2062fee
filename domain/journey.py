"""The stages of a lead's journey to a decision."""

from __future__ import annotations

from typing import Literal, get_args

JourneyStage = Literal[
    "initial_interest", "active_exploration", "serious_consideration", "decision_making", "ready_to_buy"
]
#: first to last
JOURNEY_STAGES: tuple[JourneyStage, ...] = get_args(JourneyStage)
