"""What is new about leads since the day before, as their tenant counts days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from db.records import PredictionRecord
from db.repositories.events import events
from db.repositories.predictions import predictions
from db.session import Session
from ml.worklist import Changed, Seen, changed
from tasks.runtime.context import TaskContext


def changes(session: Session, context: TaskContext, scores: Sequence[PredictionRecord]) -> dict[str, Changed]:
    """Hold newest scores, and what happened since, against the last ones of the day before; first scores have none."""
    lead_ids = [score.lead_id for score in scores]
    if not lead_ids:
        return {}
    kind, moment = scores[0].kind, _midnight(context)
    before = predictions.before(session, context.tenant_id, kind=kind, lead_ids=lead_ids, moment=moment)
    happened = events.for_leads(session, context.tenant_id, lead_ids=list(before))
    return {
        score.lead_id: changed(
            _seen(was),
            _seen(score),
            [(event.kind, event.direction) for event in happened[score.lead_id] if event.occurred_at > was.as_of],
        )
        for score in scores
        if (was := before.get(score.lead_id)) is not None
    }


def _seen(score: PredictionRecord) -> Seen:
    return Seen(probability=score.probability or 0.0, band=score.band or "", as_of=score.as_of)


def _midnight(context: TaskContext) -> datetime:
    """When today began where the tenant is."""
    here = context.now.astimezone(ZoneInfo(context.settings().get("timezone") or "UTC"))
    return here.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(context.now.tzinfo)
