"""The stages of the assess pipeline: each reads the assessment, writes its rows and lands, or lands as failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

from db.records import AssessmentRecord, PredictionDraft
from db.repositories import assessments, snapshots
from db.session import Session, transaction
from ml.profiles import LeadProfile
from ml.urgency import Urgency
from ml.urgency import assess as assess_urgency
from tasks import profiles, scorers
from tasks.base import Answer, Work, step
from tasks.contracts.pipelines import StageCall
from tasks.contracts.wire import to_wire
from tasks.errors import InvalidPayload
from tasks.leads.score import keep_predictions, store_scores, take_snapshots


def _failed(stage: str) -> Callable[[StageCall, str], None]:
    def land(request: StageCall, error: str) -> None:
        with transaction() as session:
            _land(session, request, stage, "failed")

    return land


def _land(session: Session, request: StageCall, stage: str, state: str = "ok") -> Answer:
    tenant_id, assessment_id = request.tenant_id, request.assessment_id
    assessments.land(session, tenant_id, assessment_id=assessment_id, stage=stage, state=state, now=datetime.now(UTC))
    return Answer(data={"stage": stage, "state": state})


def _record(session: Session, request: StageCall) -> AssessmentRecord:
    record = assessments.get(session, request.tenant_id, assessment_id=request.assessment_id)
    if record is None:
        raise InvalidPayload.at("unknown_value", "assessment_id", "no assessment of this tenant has this id")
    return record


@step("hearth.leads.snapshot", StageCall, on_fault=_failed("snapshot"))
def snapshot_stage(session: Session, request: StageCall, work: Work) -> Answer:
    """Store the features that every later stage reads."""
    record = _record(session, request)
    ids = [taken.snapshot_id for taken in take_snapshots(session, work, record.lead_ids, record.as_of)]
    assessments.attach(session, request.tenant_id, assessment_id=record.assessment_id, snapshot_ids=ids)
    return _land(session, request, "snapshot")


@step("hearth.leads.score_snapshots", StageCall, on_fault=_failed("score"))
def score_stage(session: Session, request: StageCall, work: Work) -> Answer:
    """The lead scorer's row for each snapshot."""
    record = _record(session, request)
    if not record.snapshot_ids:
        return _land(session, request, "score", "failed")
    taken = snapshots.get(session, request.tenant_id, snapshot_ids=record.snapshot_ids)
    store_scores(session, work, taken, scorers.champion(session, request.tenant_id))
    return _land(session, request, "score")


@step("hearth.leads.urgency", StageCall, on_fault=_failed("urgency"))
def urgency_stage(session: Session, request: StageCall, work: Work) -> Answer:
    """The row that says why to call now, what to do and by when."""
    record = _record(session, request)
    if not record.snapshot_ids:
        return _land(session, request, "urgency", "failed")
    known = [lead.profile for lead in profiles.load(session, request.tenant_id, record.lead_ids, record.as_of)]
    found = assess_urgency(known, work.settings().get("silence_days") or {})
    drafts = [
        _urgency(profile, snapshot_id, item)
        for profile, snapshot_id, item in zip(known, record.snapshot_ids, found, strict=True)
    ]
    keep_predictions(session, work, drafts)
    return _land(session, request, "urgency")


def _urgency(profile: LeadProfile, snapshot_id: str, item: Urgency) -> PredictionDraft:
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


def worth(profile: LeadProfile) -> float | None:
    """What closing a lead is worth: the deal, else the budget it came with."""
    known = (profile.numbers.get(name) for name in ("deal_value", "budget_max", "budget_min"))
    return next((value for value in known if value), None)
