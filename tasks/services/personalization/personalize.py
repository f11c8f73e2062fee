"""Store how to speak to leads: tone over time, journey stage, channel and hours, guide, talking points, one suggestion.

One prediction a snapshot (kind `personalization`, the band is the journey stage). The stage follows from the snapshot's
features and the stage before alone, so that it can be computed again; the rest is what was known and allowed then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from db.records import PredictionDraft, PredictionRecord, SnapshotRecord
from db.repositories.predictions import predictions
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from domain.journey import JOURNEY_STAGES, JourneyStage
from ml.language import analysis
from ml.personalization import fact_words, guide, journey, suggestion
from ml.personalization.journey import Journey, read_journey
from ml.personalization.talking_points import TalkingPoint, talking_points
from ml.personalization.tone_history import ToneHistory, tone_history
from ml.profiles import LeadProfile, Row
from tasks.contracts.base.wire import to_wire
from tasks.runtime.context import TaskContext
from tasks.services.leads.predictions import save_predictions
from tasks.services.leads.profiles import StoredLead
from tasks.services.personalization.send_plan import SendPlan, send_plans
from tasks.services.personalization.views import KIND

SCOPE = "rules"
#: ends of a lead of which nobody has to know any more how to speak to it; one that refused contact keeps tone and stage
ENDED = frozenset({"won", "lost", "abandoned", "archived"})
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPersonalization:
    """A personalization as it is stored now."""

    prediction_id: str
    lead_id: str
    as_of: datetime
    detail: JsonMapping


def version() -> str:
    """Return the versions of all rules and readers that a personalization stands on, as predictions name them."""
    written = {
        "journey": journey.shipped().version,
        "guide": guide.shipped().version,
        "points": fact_words.shipped().version,
        "suggestion": suggestion.shipped().version,
        "analysis": analysis.VERSION,
    }
    return "+".join(f"{name}-{number}" for name, number in written.items())


def store_personalizations(
    session: Session,
    context: TaskContext,
    stored: Sequence[StoredLead],
    snapshots: Sequence[SnapshotRecord],
    as_of: datetime,
) -> dict[str, JsonObject]:
    """Store how to speak to leads, each with its snapshot; return what is stored now, by lead.

    See `personalize_stored`.
    """
    found = personalize_stored(session, context, stored, snapshots, as_of)
    return {lead_id: dict(each.detail) for lead_id, each in found.items()}


def personalize_stored(
    session: Session,
    context: TaskContext,
    stored: Sequence[StoredLead],
    snapshots: Sequence[SnapshotRecord],
    as_of: datetime,
) -> dict[str, StoredPersonalization]:
    """Store how to speak to leads and return it by lead; those that ended, or are restricted, are left out.

    A snapshot that has its personalization keeps it: unchanged within the scoring interval nothing is written.
    """
    open_leads = [lead for lead in stored if not lead.blocked and lead.ended not in ENDED]
    of_lead = {snapshot.lead_id: snapshot for snapshot in snapshots}
    before = _before(session, context, [lead.profile.lead_id for lead in open_leads], as_of)
    kept = current(before, list(of_lead.values()))
    new = [lead for lead in open_leads if lead.profile.lead_id not in kept]
    if not new:
        return kept
    plans = send_plans(session, context, new, as_of)
    drafts = [
        _draft(lead, of_lead[lead.profile.lead_id], before.get(lead.profile.lead_id), plans[lead.profile.lead_id])
        for lead in new
    ]
    return kept | _store(session, context, drafts)


def newest(
    session: Session, context: TaskContext, snapshots: Sequence[SnapshotRecord], as_of: datetime
) -> dict[str, StoredPersonalization]:
    """Return the personalizations that stand for these very snapshots, by lead."""
    return current(_before(session, context, [each.lead_id for each in snapshots], as_of), snapshots)


def current(
    rows: Mapping[str, PredictionRecord], snapshots: Sequence[SnapshotRecord]
) -> dict[str, StoredPersonalization]:
    """Return those rows that were made by this version from these snapshots."""
    wanted = {(snapshot.lead_id, snapshot.snapshot_id) for snapshot in snapshots}
    now = version()
    return {
        lead_id: _stored(row)
        for lead_id, row in rows.items()
        if (lead_id, row.snapshot_id) in wanted and row.model_version == now
    }


def detail_of(
    profile: LeadProfile,
    row: Row,
    before: JourneyStage | None = None,
    plan: SendPlan | None = None,
    *,
    contactable: bool = True,
) -> JsonObject:
    """Return all that is said of a lead, by its features `row` and its profile; without a plan no channel and hours.

    Nothing is suggested for a lead that wants no contact.
    """
    tone, stage = tone_history(row, profile), read_journey(row, before)
    points = talking_points(profile)
    advice = guide.guide_for(stage.stage, tone.state, sure=tone.sure)
    said = suggestion.suggest(
        stage.stage, points, lead_type=profile.lead_type, state=tone.state, confidence=tone.confidence
    )
    return {
        "journey": journey_view(stage),
        "tone": _tone_view(tone),
        "channels": [] if plan is None else plan.channels,
        "send_window": None if plan is None else plan.window,
        "guide": guide_view(advice),
        "talking_points": [_point_view(point) for point in points],
        "suggestion": {"code": said.code, "text": said.text, "by": "rule"} if contactable else None,
    }


def journey_view(stage: Journey) -> JsonObject:
    """Return a journey stage as it is stored."""
    evidence = [{"code": item.code, "text": item.text, "weight": round(item.weight, 3)} for item in stage.evidence]
    return {
        "stage": stage.stage,
        "probability": stage.probability,
        "probabilities": dict(stage.probabilities),
        "expected": stage.expected,
        "before": stage.before,
        "moved": stage.moved,
        "evidence": evidence,
        "by": "rule",
    }


def guide_view(advice: guide.Guide) -> JsonObject:
    """Return a guide as it is stored and answered."""
    return {
        "do": [{"code": item.code, "text": item.text, "by": "rule"} for item in advice.do],
        "avoid": [{"code": item.code, "text": item.text, "by": "rule"} for item in advice.avoid],
    }


def replay_journey(stored: PredictionRecord, snapshot: SnapshotRecord) -> JsonObject:
    """Compute the journey stage of a stored personalization again, from its snapshot and the stage before."""
    if stored.model_version.partition("+")[0] != version().partition("+")[0]:
        return {"same": None, "why": "other rules than this version's gave this stage"}
    was = stored.detail["journey"]
    again = journey_view(read_journey(snapshot.features, _stage(was["before"])))
    differing = [name for name, value in was.items() if again[name] != value]
    compared: JsonObject = {"same": not differing, "stored": was, "computed": again}
    return {**compared, "why": f"another value of {', '.join(differing)}"} if differing else compared


def _before(
    session: Session, context: TaskContext, lead_ids: Sequence[str], as_of: datetime
) -> dict[str, PredictionRecord]:
    until = as_of + _TICK
    if len(lead_ids) == 1:
        # of one lead the index alone gives it
        newest_row = predictions.history(
            session, context.tenant_id, lead_id=lead_ids[0], kind=KIND, limit=1, before=until
        )
        return {row.lead_id: row for row in newest_row}
    return predictions.latest_before(session, context.tenant_id, kind=KIND, lead_ids=lead_ids, moment=until)


def _draft(
    lead: StoredLead, snapshot: SnapshotRecord, before: PredictionRecord | None, plan: SendPlan
) -> PredictionDraft:
    profile = replace(lead.profile, as_of=snapshot.as_of)
    was = None if before is None else _stage((before.detail.get("journey") or {}).get("stage"))
    detail = detail_of(profile, snapshot.features, was, plan, contactable=lead.ended != "no_contact")
    return PredictionDraft(
        lead_id=profile.lead_id,
        snapshot_id=snapshot.snapshot_id,
        kind=KIND,
        model_id=None,
        model_version=version(),
        scope=SCOPE,
        probability=detail["journey"]["probability"],
        band=detail["journey"]["stage"],
        detail=detail,
        as_of=snapshot.as_of,
    )


def _store(
    session: Session, context: TaskContext, drafts: Sequence[PredictionDraft]
) -> dict[str, StoredPersonalization]:
    saved = save_predictions(session, context, drafts, kind=KIND)
    lost = [prediction_id for _, prediction_id in saved.saved if prediction_id not in saved.new]
    # another worker stored one of the same snapshot first: that one counts
    first = {row.prediction_id: row for row in predictions.get(session, context.tenant_id, prediction_ids=lost)}
    return {
        draft.lead_id: _stored(first[prediction_id])
        if prediction_id in first
        else StoredPersonalization(
            prediction_id=prediction_id, lead_id=draft.lead_id, as_of=draft.as_of, detail=draft.detail
        )
        for draft, prediction_id in saved.saved
    }


def _stored(row: PredictionRecord) -> StoredPersonalization:
    return StoredPersonalization(
        prediction_id=row.prediction_id, lead_id=row.lead_id, as_of=row.as_of, detail=row.detail
    )


def _stage(name: str | None) -> JourneyStage | None:
    """Return a stage that this version knows; another one counts as none."""
    return name if name in JOURNEY_STAGES else None


def _tone_view(tone: ToneHistory) -> JsonObject:
    turns = [
        {
            "event_id": turn.event_id,
            "at": to_wire(turn.at),
            "before": round(turn.before, 3),
            "after": round(turn.after, 3),
            "state": turn.state,
        }
        for turn in tone.turning_points
    ]
    return {
        "status": "ok" if tone.why_not is None else "insufficient_data",
        "why_not": tone.why_not,
        "state": tone.state,
        "confidence": round(tone.confidence, 4),
        "sure": tone.sure,
        "shares": {state: round(share, 4) for state, share in tone.shares.items()},
        "polarity": _rounded(tone.polarity),
        "trend": _rounded(tone.trend),
        "volatility": _rounded(tone.volatility),
        "messages": tone.messages,
        "last_event_id": tone.last_event_id,
        "turning_points": turns,
        "by": "model",
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _point_view(point: TalkingPoint) -> JsonObject:
    fact = point.fact
    return {
        "code": point.code,
        "text": point.text,
        "fact": None if fact is None else {"kind": fact.kind, "value": to_wire(fact.value), "bound": fact.bound},
        "source": {"event_id": point.event_id} if point.event_id is not None else {"field": point.field},
        "confidence": round(point.confidence, 4),
        "by": "rule",
    }
