"""Read deals: their stage, price and end. A deal of several people counts for the first of them."""

from __future__ import annotations

from typing import Any

from db.records import EventDraft, LeadDraft
from tasks.crm.followupboss import people, stages
from tasks.crm.followupboss.notification import PROVIDER, Notification, entries, id_of, letters, need_id
from tasks.intake import consent, payload
from tasks.intake.errors import BadValue
from tasks.intake.parsed_event import Closing, ParsedEvent
from tasks.intake.payload import Raw
from tasks.intake.values import scalars

COLLECTION = "deals"
_CLOSINGS: dict[str, Closing] = {"open": "open", "won": "won", "lost": "lost", "abandoned": "abandoned"}


def read(deal: Raw, told: Notification) -> ParsedEvent:
    """Read a deal; an end labels the lead.

    Raises:
        EventRefused: the deal has no id.

    """
    deal_id, at = need_id(deal, COLLECTION), told.state_at(deal)
    if letters(payload.text(deal, "status")) == "deleted":
        return deleted(deal_id, told)
    parties = [found for one in entries(deal, "people") if (found := id_of(one, "id", "personId"))]
    stage = stages.stage_of(deal, told.setup, name="stageName")
    details, closing = _details(deal), _closing(deal, stage)
    entered = min(told.moment(deal, "enteredStageAt"), at)
    fields = {**details, "stage": stage.ours, "opportunity_id": deal_id, "opportunity_status": closing}
    lead = LeadDraft(
        source_system=PROVIDER,
        external_id=next(iter(parties), None) or id_of(deal, "personId"),
        fields={name: value for name, value in fields.items() if value is not None},
        statements=consent.from_mark(stage.name or "", "stage", at=at),
        as_of=at,
    )
    state = {**details, "stage": stage.name, "status": closing}
    warnings = [("stage_unmapped", f"{COLLECTION}.stageName")] if stage.is_unmapped else []
    warnings += [("too_many", f"{COLLECTION}.people")] if len(parties) > 1 else []
    return ParsedEvent(
        type=told.event,
        at=at,
        lead=people.closed(lead, closing, at=entered, told=told, source_id=f"{COLLECTION}:{deal_id}"),
        entity=("opportunity", deal_id),
        state={name: str(value) for name, value in state.items() if value is not None},
        closing=closing,
        warnings=tuple(warnings),
    )


def deleted(deal_id: str, told: Notification) -> ParsedEvent:
    """Read that a deal is gone: models can learn nothing from that end."""
    event = EventDraft(
        kind="opportunity_deleted",
        occurred_at=told.at,
        recorded_at=told.recorded(told.at),
        source=PROVIDER,
        source_id=f"{COLLECTION}:{deal_id}:deleted",
    )
    lead = LeadDraft(source_system=PROVIDER, events=(event,))
    entity = ("opportunity", deal_id)
    return ParsedEvent(type=told.event, at=told.at, lead=lead, entity=entity, state={"gone": "yes"})


def _details(deal: Raw) -> dict[str, Any]:
    price = payload.number(deal, "price")
    return {
        "deal_value": price if price and 0 < price <= 1e12 else None,
        "pipeline": payload.text(deal, "pipelineName") or id_of(deal, "pipelineId"),
        "lost_reason": payload.text(deal, "lostReason"),
    }


def _closing(deal: Raw, stage: stages.Stage) -> Closing | None:
    """Return how a deal ended: what its status says, else what its stage means.

    Follow Up Boss' own statuses say only whether a deal is in use: an archived one of a closing stage was won.
    """
    word = payload.text(deal, "status") or "Active"
    if word.casefold() == "active":
        return stage.outcome or "open"
    try:
        return _CLOSINGS[scalars.level("opportunity_status", word)]
    except BadValue:
        return stage.outcome if stage.outcome in people.ENDS else None
