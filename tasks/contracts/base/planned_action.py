"""An action for a lead at risk, as answers and events give it."""

from __future__ import annotations

from typing import Any, Literal

from domain.channels import ActionChannel
from domain.interventions import ActionName, InterventionName, Urgency
from tasks.contracts.base.published import Published, Time


class Ruling(Published):
    """What one gate said of an action, and by which rule."""

    gate: str
    rule: str
    decision: str
    until: Time | None = None
    note: str | None = None


class Compliance(Published):
    """What the gates decided of an action: whether it may be taken, and when."""

    decision: str | None
    rules: list[Ruling]


class Suppressed(Published):
    """An action that may not be taken, and why."""

    action_id: str
    intervention: InterventionName
    action: ActionName
    channel: ActionChannel
    compliance: Compliance


class PlannedAction(Suppressed):
    """An action that is planned, waits, or was handed over."""

    urgency: Urgency
    not_before: Time
    expires_at: Time
    requires_approval: bool
    reason_codes: list[str]
    expected_uplift: float | None
    #: model: chosen by a measured uplift
    evidence: Literal["model", "rule"]
    #: what to say; absent where Hearth says nothing
    text: str | None = None
    #: the request to the CRM that carries it out; absent where none was written
    crm: dict[str, Any] | None = None
