"""The ways to reach a lead, and who speaks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Direction = Literal["inbound", "outbound"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

#: what an action is carried out by; `internal` never reaches the lead
ActionChannel = Literal["sms", "email", "call", "internal"]
ACTION_CHANNELS: tuple[ActionChannel, ...] = get_args(ActionChannel)
#: channels of people; the others are sent by machine
PEOPLE_CHANNELS = frozenset({"call", "internal"})
#: a text that Hearth writes for an action
Writing = Literal["task", "note", "sms", "email", "nothing"]
#: channel -> the texts that may be written for its actions
WRITINGS: Mapping[str, tuple[Writing, ...]] = MappingProxyType(
    {"call": ("task",), "internal": ("task", "note"), "sms": ("sms", "nothing"), "email": ("email", "nothing")}
)

#: what a lead agrees to or refuses; `all` is every one of them
ConsentChannel = Literal["all", "email", "sms", "call", "mail"]
CONSENT_CHANNELS: tuple[ConsentChannel, ...] = get_args(ConsentChannel)
