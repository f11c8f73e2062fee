"""Read opportunities: their stage, value and end; stages follow the tenant's settings, never their names."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from db.records import EventDraft, LeadDraft
from tasks.crm.highlevel.contacts import SYSTEM
from tasks.intake import payload
from tasks.intake.consent import from_mark, with_marks
from tasks.intake.parsed_event import Closing, ParsedEvent, ReaderContext
from tasks.intake.payload import Raw

ENDS: dict[str, bool] = {"won": True, "lost": False, "abandoned": False}


def read(raw: Raw, setup: ReaderContext, at: datetime) -> ParsedEvent:
    """Read an opportunity event; an end labels the lead."""
    opportunity_id = payload.identifier(raw, "id", "opportunityId")
    details, status = _details(raw), _status(raw)
    stage_id = payload.text(raw, "pipelineStageId", "pipelineStageName")
    stage = setup.stages.get(stage_id or "")
    fields = {
        **details,
        "stage": stage,
        "stage_changed_at": at if stage and raw["type"].endswith("StageUpdate") else None,
        "opportunity_id": opportunity_id,
        "opportunity_status": status,
        "closed_at": at if status in ENDS else None,
    }
    lead = LeadDraft(
        source_system=SYSTEM,
        external_id=payload.text(raw, "contactId"),
        fields={name: value for name, value in fields.items() if value is not None},
        as_of=at,
        label=ENDS.get(status or ""),
        label_at=at if status in ENDS else None,
        events=(_ended(opportunity_id, str(status), at, setup),) if status in ENDS else (),
    )
    state = {**details, "stage": stage_id, "status": status}
    return ParsedEvent(
        type=raw["type"],
        at=at,
        lead=_with_stage(with_marks(lead, at=at), raw, at),
        entity=("opportunity", opportunity_id),
        state={name: str(value) for name, value in state.items() if value is not None},
        closing=status,
        warnings=(("stage_unmapped", "pipelineStageId"),) if stage_id and stage is None else (),
    )


def _with_stage(lead: LeadDraft, raw: Raw, at: datetime) -> LeadDraft:
    """Read refusals from the stage's own name too: the tenant's mapping may have given it another."""
    statements = from_mark(payload.text(raw, "pipelineStageName") or "", "stage", at=at)
    return replace(lead, statements=(*lead.statements, *statements)) if statements else lead


def deleted(raw: Raw, setup: ReaderContext, at: datetime) -> ParsedEvent:
    """Read that an opportunity is gone: models can learn nothing from that end."""
    opportunity_id = payload.identifier(raw, "id", "opportunityId")
    event = EventDraft(
        kind="opportunity_deleted",
        occurred_at=at,
        recorded_at=max(at, setup.received_at),
        source=SYSTEM,
        source_id=f"{opportunity_id}:deleted",
    )
    lead = LeadDraft(source_system=SYSTEM, external_id=payload.text(raw, "contactId"), events=(event,))
    return ParsedEvent(
        type=raw["type"], at=at, lead=lead, entity=("opportunity", opportunity_id), state={"gone": "yes"}
    )


def _details(raw: Raw) -> dict[str, Any]:
    worth = payload.number(raw, "monetaryValue")
    return {
        "deal_value": worth if worth and 0 < worth <= 1e12 else None,
        "pipeline": payload.text(raw, "pipelineId"),
        "assigned_to": payload.text(raw, "assignedTo"),
        "source": payload.text(raw, "source"),
        "lost_reason": payload.text(raw, "lostReasonId", "lostReason"),
    }


def _status(raw: Raw) -> Closing | None:
    word = (payload.text(raw, "status") or "").casefold()
    closings: dict[str, Closing] = {"won": "won", "lost": "lost", "abandoned": "abandoned", "open": "open"}
    return closings.get(word)


def _ended(opportunity_id: str, status: str, at: datetime, setup: ReaderContext) -> EventDraft:
    return EventDraft(
        kind=f"outcome.{status}",
        occurred_at=at,
        recorded_at=max(at, setup.received_at),
        direction="outbound",
        source=SYSTEM,
        source_id=f"{opportunity_id}:{status}:{at.isoformat()}",
    )
