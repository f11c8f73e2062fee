"""What somebody is about to do with a lead, for which they ask how to speak to it."""

from __future__ import annotations

from typing import Literal, get_args

Purpose = Literal["call", "sms", "email", "follow_up", "showing"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
