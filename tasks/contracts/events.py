"""Requests of `hearth.events.*`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from domain.crms import EventProvider
from tasks.contracts.base.request import PastTime, Request

#: state of a stored event that was not applied
Status = Literal["failed", "ignored"]


class IngestEvents(Request):
    """Apply events as a provider sent them, each once; events that cannot be read are reported by their index."""

    provider: EventProvider = "ghl"
    events: Annotated[list[Any], Field(min_length=1, max_length=500)]
    #: True: the receiver checked the signature over the raw body
    signature_verified: bool = False
    #: when the receiver got them; now if left out
    received_at: PastTime | None = None


class ReplayEvents(Request):
    """Apply stored events again that were not applied: a newer reader, or newer settings, may understand them."""

    #: which of them; both if left out
    status: Annotated[tuple[Status, ...], Field(min_length=1, max_length=2)] = ("failed", "ignored")
    #: only events received since then; all stored ones if left out
    since: PastTime | None = None


class RescoreLeads(Request):
    """Score leads that are due; the database knows which."""


class TellRefreshed(Request):
    """Tell of scores that changed by a load or by another model; the database knows which."""
