"""Show online scores beside those of the models: what they say, how much they have learnt, and what moved of late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from db.records import PredictionRecord
from db.repositories.online import heads, score_spans
from db.session import Session
from domain.documents import JsonObject
from domain.targets import MEANINGS, TARGETS, Target
from tasks.runtime.context import TaskContext
from tasks.services.online.names import kind_of

#: a score is compared with the one that stood so long ago
SPAN = timedelta(days=7)
#: points from which on a score has moved, and the confidence below which it is not worth a decision
MOVED, COLD = 5, 0.2
NOTHING = "nothing was learnt of this tenant's outcomes yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineScores:
    """The online scores of one lead, by target; a target without one is left out."""

    newest: Mapping[Target, PredictionRecord]
    #: what stood a week ago, else the lead's first one
    before: Mapping[Target, PredictionRecord]


def of_leads(session: Session, context: TaskContext, lead_ids: Sequence[str]) -> dict[str, OnlineScores]:
    """Return the online scores of leads; empty where the tenant's learners have learnt nothing yet."""
    known = {head.target for head in heads.of_tenant(session, context.tenant_id)}
    targets = [target for target in TARGETS if target in known]
    if not targets or not lead_ids:
        return {}
    asked = {"kinds": [kind_of(target) for target in targets], "lead_ids": lead_ids}
    newest = score_spans.newest(session, context.tenant_id, **asked)
    before = score_spans.standing_at(session, context.tenant_id, moment=context.now - SPAN, **asked)
    return {
        lead_id: OnlineScores(newest=_by_target(newest, lead_id, targets), before=_by_target(before, lead_id, targets))
        for lead_id in lead_ids
    }


def card_section(scores: OnlineScores | None, context: TaskContext) -> JsonObject:
    """Return the online scores of a lead as its card shows them; without any, why there are none."""
    views = [] if scores is None else [_view(target, scores, context) for target in scores.newest]
    return {"text": None if scores is not None else NOTHING, "scores": views}


def worklist_brief(scores: OnlineScores | None, context: TaskContext) -> JsonObject | None:
    """Return the online score that moved most in the last days; None where none did that is worth a decision."""
    views = [] if scores is None else [_view(target, scores, context) for target in scores.newest]
    moved = [view for view in views if view["change"] and view["status"] == "ready"]
    if not moved:
        return None
    most = max(moved, key=lambda view: abs(view["change"]["points"]))
    return {name: most[name] for name in ("target", "probability", "confidence", "change", "text")}


def _by_target(rows: score_spans.ByLead, lead_id: str, targets: Sequence[Target]) -> dict[Target, PredictionRecord]:
    found = {target: rows.get((lead_id, kind_of(target))) for target in targets}
    return {target: row for target, row in found.items() if row is not None}


def _view(target: Target, scores: OnlineScores, context: TaskContext) -> JsonObject:
    row = scores.newest[target]
    confidence = float(row.detail.get("confidence") or 0.0)
    change = _change(row, scores.before.get(target))
    is_cold = confidence < COLD
    return {
        "target": target,
        "question": MEANINGS[target].question,
        "status": "cold" if is_cold else "ready",
        "probability": row.probability,
        "confidence": confidence,
        "signals": row.detail.get("signals", 0),
        "as_of": row.as_of,
        "model": row.model_version,
        "prediction_id": row.prediction_id,
        "change": change,
        "text": _cold(target, row) if is_cold else _text(target, row, change, context),
    }


def _change(row: PredictionRecord, before: PredictionRecord | None) -> JsonObject | None:
    """Return how far a score has moved; None where it has not."""
    if before is None or before.prediction_id == row.prediction_id:
        return None
    points = round(100 * ((row.probability or 0.0) - (before.probability or 0.0)))
    if abs(points) < MOVED:
        return None
    return {"points": points, "since": before.as_of, "before": before.probability}


def _text(target: Target, row: PredictionRecord, change: JsonObject | None, context: TaskContext) -> str:
    if change is None:
        return f"online: {target} {_percent(row)}"
    direction = "up" if change["points"] > 0 else "down"
    return f"online: {target} {direction} {abs(change['points'])} points since {_day(change['since'], context)}"


def _cold(target: Target, row: PredictionRecord) -> str:
    return f"online: {target} {_percent(row)}, learnt from {row.detail.get('signals', 0)} outcomes: too few to rely on"


def _percent(row: PredictionRecord) -> str:
    return f"{round(100 * (row.probability or 0.0))} %"


def _day(moment: datetime, context: TaskContext) -> str:
    """Return the day of a moment where the tenant is."""
    local = moment.astimezone(ZoneInfo(context.settings().get("timezone") or "UTC"))
    return f"{local.day} {local:%B}"
