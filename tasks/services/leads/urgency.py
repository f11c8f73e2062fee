"""Why to call a lead now, what to do and by when; and when to look at it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from db.records import PredictionDraft
from db.session import Session
from ml.profiles import LeadProfile
from ml.urgency import Urgency, assess
from tasks.contracts.base.wire import to_wire
from tasks.leads.score import keep_predictions
from tasks.runtime.context import TaskContext
from tasks.services.leads import profiles
from tasks.services.leads.snapshots import due_after


def keep_urgency(
    session: Session, context: TaskContext, lead_ids: Sequence[str], snapshot_ids: Sequence[str], as_of: datetime
) -> dict[str, datetime | None]:
    """Store how pressing leads are; gives when each one's silence becomes too long, None where it has or cannot."""
    known = profiles.load(session, context.tenant_id, lead_ids, as_of)
    found = assess([lead.profile for lead in known], context.settings().get("silence_days") or {})
    facts = zip(known, snapshot_ids, found, strict=True)
    keep_predictions(session, context, [_draft(lead.profile, snapshot_id, item) for lead, snapshot_id, item in facts])
    return {lead.profile.lead_id: _next(item, as_of, context) for lead, item in zip(known, found, strict=True)}


def worth(profile: LeadProfile) -> float | None:
    """What closing a lead is worth: the deal, else the budget it came with."""
    known = (profile.numbers.get(name) for name in ("deal_value", "budget_max", "budget_min"))
    return next((value for value in known if value), None)


def _next(item: Urgency, as_of: datetime, context: TaskContext) -> datetime | None:
    if item.due_by is None or item.due_by <= as_of:
        return None
    return due_after(item.due_by, as_of, context)


def _draft(profile: LeadProfile, snapshot_id: str, item: Urgency) -> PredictionDraft:
    return PredictionDraft(
        lead_id=profile.lead_id,
        snapshot_id=snapshot_id,
        kind="urgency",
        model_id=None,
        model_version="urgency-1",
        scope="scorecard",
        probability=None,
        band=None,
        detail=to_wire({**asdict(item), "value": worth(profile)}),
        as_of=profile.as_of,
    )
