"""Requests of `hearth.conversations.*`."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from tasks.contracts.base.lead_reference import LeadReference
from tasks.contracts.base.request import Identifier, Part, PastTime, ShortText

#: most messages of one request, and most characters of one of them
MOST_MESSAGES, LONGEST_MESSAGE = 200, 20_000


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise PydanticCustomError("unknown_value", "no IANA time zone has this name, such as America/New_York")
    return ZoneInfo(name).key


class MessageIn(Part):
    """One message of a conversation; its text is read and not stored."""

    id: Identifier
    text: Annotated[str, StringConstraints(max_length=LONGEST_MESSAGE)]
    at: PastTime
    direction: Literal["inbound", "outbound"]
    channel: Annotated[str, StringConstraints(max_length=40)] | None = None


class AnalyzeConversation(LeadReference):
    """Tell what the messages of a lead say: of a stored lead, or of a conversation that is sent along."""

    WAYS: ClassVar = (*LeadReference.WAYS, "messages")

    messages: Annotated[list[MessageIn], Field(min_length=1, max_length=MOST_MESSAGES)] | None = None
    #: where the lead of `messages` is, for "tomorrow at three"; without it the brokerage's own zone counts
    timezone: Annotated[ShortText, AfterValidator(_known_zone)] | None = None

    @model_validator(mode="after")
    def _each_id_once(self) -> AnalyzeConversation:
        counted = Counter(message.id for message in self.messages or ())
        if any(count > 1 for count in counted.values()):
            raise PydanticCustomError("unknown_value", "two messages have the same id; the answer names messages by it")
        return self
