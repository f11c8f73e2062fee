"""What answers say of consent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from domain.channels import ConsentChannel
from domain.consent import ConsentBasis, ConsentDecision
from tasks.contracts.base.published import Published, Time

ChannelState = Literal["refused", "in_doubt", "granted", "withheld", "unknown"]


class Channels(Published):
    """The state of each channel."""

    email: ChannelState
    sms: ChannelState
    call: ChannelState


class ConsentState(Published):
    """Whether a lead may be contacted, and on what."""

    contactable: bool
    #: channel -> when the doubtful statement was made
    in_doubt: dict[ConsentChannel, Time]
    channels: Channels


class Statement(Published):
    """What was said about one channel, without the words."""

    channel: ConsentChannel
    decision: ConsentDecision
    basis: ConsentBasis
    #: the column, tag, message or person that says so
    reference: str | None
    #: the rule that read it; null where nothing had to be read
    rule: str | None
    source: str
    said_at: Time | None
    recorded_at: Time
    #: the import that brought it
    import_: Annotated[str | None, Field(alias="import")]
    #: whether the lead's own words are stored
    words: bool


class ConsentView(ConsentState):
    """The state of each channel, and the newest statements of the ledger."""

    statements: list[Statement]
