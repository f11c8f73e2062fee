"""Requests of `hearth.events.*`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tasks.contracts.base import PastTime, Request

Provider = Literal["ghl", "ghl_workflow", "generic"]


class IngestEvents(Request):
    """Events as a provider sent them; each is taken once, and what cannot be taken is named by its index."""

    provider: Provider = "ghl"
    events: Annotated[list[Any], Field(min_length=1, max_length=500)]
    #: a receiver had checked the signature over the raw body
    signature_verified: bool = False
    #: when the receiver had them; now unless given
    received_at: PastTime | None = None


class RescoreLeads(Request):
    """Score leads that are due; which ones the database knows."""
