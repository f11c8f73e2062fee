"""The tone of a lead's recent messages. It is no fact about the person, and says so with its confidence and evidence."""

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
