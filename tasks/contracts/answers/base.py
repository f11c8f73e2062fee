"""Parts that several answers share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from domain.channels import ConsentChannel
from domain.scores import Band
from tasks.contracts.base.published import Probability, Published, Time

#: a low and a high bound
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]
#: an object whose keys depend on the data
Map = dict[str, Any]


class Answer(Published):
    """The `data` of an envelope."""


class Identified(Published):
    """A lead by our id, and by the id under which a source system knows it; null where there is none.

    The system is the one that the request named, else the one by which the lead came first.
    """

    lead_id: str
    external_id: str | None
    source_system: str | None


class LeadInDoubt(Identified):
    """A lead of which a person must decide whether it refused contact."""

    assigned_to: str | None
    channels: list[ConsentChannel]
    #: when the first of the doubtful statements was made
    since: Time


class Standing(Published):
    """What counts now: a score, or a person's judgement instead."""

    probability: Probability
    band: Band


class Rates(Published):
    """Shares of settled leads that were kept; null where too few are settled."""

    sent: float | None
    held_out: float | None
