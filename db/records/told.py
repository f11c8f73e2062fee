"""What is told to the CRM, and the audit chain that proves what was done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from db.records.common import Json

AuditFault = Literal["changed", "missing", "truncated", "head", "anchor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundDraft:
    """Something to tell the CRM, written with what it tells."""

    #: e.g. `assessment.completed`
    type: str
    #: events of one lead are delivered in order
    lead_id: str | None
    #: finite JSON without personal data
    body: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRecord:
    """An event of the outbound stream."""

    tenant_id: str
    #: from 1, without gaps, per tenant; the cursor of a pull
    sequence: int
    event_id: str
    type: str
    lead_id: str | None
    body: Json
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event whose delivery was given up."""

    event: OutboundRecord
    attempts: int
    #: a code such as `http.500` or `timeout`
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRecord:
    """The circuit breaker of one tenant's receiver."""

    tenant_id: str
    #: failures since the last success
    failures: int
    #: nothing is delivered before; None = closed, deliver
    open_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDraft:
    """Something to be proved later."""

    #: e.g. `prediction`, `override`, `settings`, `promotion`, `export`, `erasure`
    kind: str
    #: finite JSON without personal data
    body: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditAnchor:
    """The newest row of a chain, to be kept outside the database."""

    #: 0 before the first row
    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What verifying a chain found."""

    ok: bool
    #: rows that were read
    rows: int
    #: sequence of the first row that is wrong or lacks; None when all is well
    first_bad: int | None
    #: a row was changed, lacks in the middle, the newest lack, the stored head or an anchor tells another story
    reason: AuditFault | None
    #: the first anchor that the chain does not hold to; None where all do or none was asked about
    anchor: AuditAnchor | None = None
