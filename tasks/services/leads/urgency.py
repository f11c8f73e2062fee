"""Store why to call a lead now, what to do and by when; and tell when to look at it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from db.records import PredictionDraft
from db.session import Session
from ml.profiles import LeadProfile
from ml.urgency import Urgency, assess, next_look
from tasks.contracts.base.wire import to_wire
from tasks.runtime.context import TaskContext
from tasks.services.leads.predictions import due_after
from tasks.services.leads.profiles import StoredLead
from tasks.services.leads.scoring import store_predictions


def store_urgency(
    session: Session, context: TaskContext, stored: Sequence[StoredLead], snapshot_ids: Sequence[str], as_of: datetime
) -> dict[str, datetime | None]:
    """Store how pressing leads are, each with its snapshot's id.

    Returns when to look at each one again, as `ml.urgency.next_look` tells; None where only an event changes anything.
    """
    profiles = [lead.profile for lead in stored]
    urgencies = assess(profiles, context.settings().get("silence_days") or {})
    drafts = [
        _draft(profile, snapshot_id, urgency)
        for profile, snapshot_id, urgency in zip(profiles, snapshot_ids, urgencies, strict=True)
    ]
    store_predictions(session, context, drafts)
    return {
        profile.lead_id: _next_look(urgency, as_of, context)
        for profile, urgency in zip(profiles, urgencies, strict=True)
    }


def worth(profile: LeadProfile) -> float | None:
    """Return what closing a lead is worth: the deal, else the budget it came with."""
    amounts = (profile.numbers.get(name) for name in ("deal_value", "budget_max", "budget_min"))
    return next((amount for amount in amounts if amount), None)


def _next_look(urgency: Urgency, as_of: datetime, context: TaskContext) -> datetime | None:
    at = next_look(urgency, as_of)
    return None if at is None else due_after(at, as_of, context)


def _draft(profile: LeadProfile, snapshot_id: str, urgency: Urgency) -> PredictionDraft:
    return PredictionDraft(
        lead_id=profile.lead_id,
        snapshot_id=snapshot_id,
        kind="urgency",
        model_id=None,
        model_version="urgency-1",
        scope="scorecard",
        probability=None,
        band=None,
        detail=to_wire({**asdict(urgency), "value": worth(profile)}),
        as_of=profile.as_of,
    )
