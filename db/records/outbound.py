"""The outbound event stream, events whose delivery was given up, and circuit breakers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.documents import JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundDraft:
    """An event for the CRM, written in the transaction of the change that it reports."""

    #: e.g. `assessment.completed`
    type: str
    #: events of one lead are delivered in order
    lead_id: str | None
    #: finite JSON without personal data
    body: JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRecord:
    """An event of the outbound stream."""

    tenant_id: str
    #: from 1, without gaps, per tenant; the cursor of a pull
    sequence: int
    event_id: str
    type: str
    lead_id: str | None
    body: JsonMapping
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event whose delivery was abandoned."""

    event: OutboundRecord
    attempts: int
    #: a code such as `http.500` or `timeout`
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreakerRecord:
    """The circuit breaker of one tenant's receiver."""

    tenant_id: str
    #: failures since the last success
    failures: int
    #: nothing is delivered before this time; None = closed: deliver
    open_until: datetime | None
