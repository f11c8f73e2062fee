"""Find what is new about leads since yesterday, in their tenant's time zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from db.records import PredictionRecord
from db.repositories.events import events
from db.repositories.predictions import predictions
from db.session import Session
from ml.worklist import DatedScore, ScoreChange, score_change
from tasks.runtime.context import TaskContext


def changes_since_yesterday(
    session: Session, context: TaskContext, scores: Sequence[PredictionRecord]
) -> dict[str, ScoreChange]:
    """Compare newest scores, and events since, with the last scores before today; leads without those are left out."""
    lead_ids = [score.lead_id for score in scores]
    if not lead_ids:
        return {}
    kind, moment = scores[0].kind, _midnight(context)
    before = predictions.latest_before(session, context.tenant_id, kind=kind, lead_ids=lead_ids, moment=moment)
    happened = events.for_leads(session, context.tenant_id, lead_ids=list(before))
    return {
        score.lead_id: score_change(
            _dated_score(earlier),
            _dated_score(score),
            [(event.kind, event.direction) for event in happened[score.lead_id] if event.occurred_at > earlier.as_of],
        )
        for score in scores
        if (earlier := before.get(score.lead_id)) is not None
    }


def _dated_score(score: PredictionRecord) -> DatedScore:
    return DatedScore(probability=score.probability or 0.0, band=score.band or "", as_of=score.as_of)


def _midnight(context: TaskContext) -> datetime:
    """Return when today began where the tenant is."""
    local = context.now.astimezone(ZoneInfo(context.settings().get("timezone") or "UTC"))
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(context.now.tzinfo)
