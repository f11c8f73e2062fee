"""The tone of a lead's recent messages: no fact about the person, so always given with confidence and evidence."""

from __future__ import annotations

from typing import Literal, get_args

EmotionalState = Literal[
    "excited",
    "confident",
    "curious",
    "neutral",
    "confused",
    "frustrated",
    "anxious",
    "disappointed",
    "angry",
    "overwhelmed",
]
EMOTIONAL_STATES: tuple[EmotionalState, ...] = get_args(EmotionalState)
