"""Requests that the sender sends to a tenant's CRM, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

#: pending: waits for its time · sending: on its way · sent · refused: the CRM said no · blocked: a gate is closed ·
#: withdrawn: it is not wanted any more · unsure: nobody knows whether it arrived · dead: tried too often
SendState = Literal["pending", "sending", "sent", "refused", "blocked", "withdrawn", "unsure", "dead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmSendRecord:
    """One request to the CRM."""

    tenant_id: str
    #: `action:<action id>` or `fields:<lead id>`
    key: str
    lead_id: str
    #: None: the lead's own fields
    action_id: str | None
    state: SendState
    #: failures that count against it
    attempts: int
    next_at: datetime
    #: while a request is on its way: the time after which its sender must have died
    claimed_until: datetime | None
    #: why it is in its state
    code: str | None
    #: digest of the values that the fields have by the newest request
    written: str | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmSenderRecord:
    """How far the sender is with a tenant's events."""

    tenant_id: str
    #: the newest event that was read
    sequence: int
    #: the fields of all leads after this id are still to be written; None: of none
    fill_after: str | None
    #: digest of the day and the mapping for which the fields of all leads were last begun
    fill_mark: str | None
    holder: str | None
    held_until: datetime | None
    #: nothing is sent before this time
    closed_until: datetime | None
    #: why nothing is sent: a code
    trouble: str | None
    #: the day of `requests`, as 2026-11-30
    day: str | None
    requests: int
