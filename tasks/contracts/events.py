"""Requests of `hearth.events.*`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tasks.contracts.base.request import PastTime, Request

#: of events that were kept and not taken in
Status = Literal["failed", "ignored"]
Provider = Literal["ghl", "ghl_workflow", "generic"]


class IngestEvents(Request):
    """Events as a provider sent them; each is taken once, and what cannot be taken is named by its index."""

    provider: Provider = "ghl"
    events: Annotated[list[Any], Field(min_length=1, max_length=500)]
    #: a receiver had checked the signature over the raw body
    signature_verified: bool = False
    #: when the receiver had them; now unless given
    received_at: PastTime | None = None


class ReplayEvents(Request):
    """Read events again that were kept and not taken in: a newer reader, or newer settings, may understand them."""

    #: which of them; both unless given
    status: Annotated[tuple[Status, ...], Field(min_length=1, max_length=2)] = ("failed", "ignored")
    #: those received since then; all that are kept unless given
    since: PastTime | None = None


class RescoreLeads(Request):
    """Score leads that are due; which ones the database knows."""
