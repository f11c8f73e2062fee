"""The risk that leads go cold, stored: for the task, the stage of an assessment, the sweep, and whoever plans for it.

What a reader needs of a lead's risk is in the detail of its prediction (kind `churn`, the band is the level).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from db.records import PredictionDraft, PredictionRecord, SnapshotRecord
from db.repositories.due_queues import risk_queue
from db.repositories.overrides import threshold_state
from db.repositories.predictions import predictions
from db.session import Session
from ml.churn.activity import TERMINAL
from ml.churn.risk import HORIZON_DAYS, ChurnRisk, assess, ended
from ml.features import extract
from ml.profiles import FeatureMatrix, LeadProfile
from tasks.contracts.base.wire import to_wire
from tasks.runtime.context import TaskContext
from tasks.services.interventions.intervention_settings import settings_of
from tasks.services.leads import prediction_store, profiles, snapshots
from tasks.services.models import model_registry

KIND = model_registry.CHURN
#: what is said of a lead whose risk is the agent's doing
NEGLECTED = "nobody has contacted this lead"
#: ends after which nothing may contact a lead
REFUSED = TERMINAL | {"no_contact"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRisk:
    """The risk of one lead that is open, as it is stored now."""

    prediction_id: str
    snapshot_id: str
    lead_id: str
    as_of: datetime
    #: 0.01 to 0.99
    probability: float
    level: str
    #: as in the prediction: see `detail_of`
    detail: Mapping[str, Any]
    model_version: str
    #: tenant or scorecard
    scope: str
    next_check_at: datetime
    #: False: within the scoring interval nothing had changed, and the answer before stands
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """What became of leads that were to be assessed."""

    risks: Mapping[str, StoredRisk]
    #: lead -> how it ended, or `no_client`: such a lead has no risk
    ended: Mapping[str, str]
    #: leads of whom nothing may be computed
    blocked: tuple[str, ...]
    champion: model_registry.ChurnChampion


def assess_leads(
    session: Session, context: TaskContext, lead_ids: Sequence[str], as_of: datetime
) -> dict[str, StoredRisk]:
    """Assess leads as of a moment and store it; those that ended, or of whom nothing may be computed, are left out.

    Unchanged within the scoring interval nothing new is written. Tells `risk.changed` where the level did, and sets
    when each lead is looked at again. Raises UnknownLead.
    """
    known = profiles.load(session, context.tenant_id, lead_ids, as_of)
    found = assess_known(session, context, known, as_of)
    if _now(context, as_of):
        risk_queue.schedule(session, context.tenant_id, due=_fresh(context, found, as_of))
    return dict(found.risks)


def assess_known(
    session: Session,
    context: TaskContext,
    known: Sequence[profiles.StoredLead],
    as_of: datetime,
    taken: Sequence[SnapshotRecord] | None = None,
) -> Assessed:
    """Do the same of leads that are loaded; `taken` are snapshots of theirs, where they are there already."""
    champion = model_registry.churn_champion(session, context.tenant_id)
    why = {lead.profile.lead_id: ended(lead.profile) or lead.ended for lead in known if not lead.held}
    open_ = [lead for lead in known if why.get(lead.profile.lead_id, "held") is None]
    risks: dict[str, StoredRisk] = {}
    if open_:
        own = snapshots.of_known(session, context, open_, as_of) if taken is None else _own(open_, taken)
        leads = [replace(lead.profile, as_of=its.as_of) for lead, its in zip(open_, own, strict=True)]
        risks = _keep(session, context, _drafts(leads, own, champion, context.settings()))
    return Assessed(
        risks=risks,
        ended={lead_id: reason for lead_id, reason in why.items() if reason is not None},
        blocked=tuple(lead.profile.lead_id for lead in known if lead.held),
        champion=champion,
    )


def newest(session: Session, tenant_id: str, lead_ids: Sequence[str]) -> dict[str, PredictionRecord]:
    """The newest risk of each lead, by lead; leads without one are left out."""
    return {row.lead_id: row for row in predictions.latest(session, tenant_id, kind=KIND, lead_ids=lead_ids)}


def shown(row: PredictionRecord | None) -> dict[str, Any] | None:
    """A risk as a card shows it: what drives it, strongest first, and all that goes with it."""
    if row is None:
        return None
    told = {name: value for name, value in row.detail.items() if name != "indicators"}
    warning = [one for one in row.detail["indicators"] if one["known"] and one["value"] > 0]
    return {
        "prediction_id": row.prediction_id,
        "as_of": row.as_of,
        "probability": row.probability,
        **told,
        "drivers": sorted(warning, key=lambda one: (-one["value"], one["name"])),
        "note": note_of(row),
        "model": row.model_version,
        "scope": row.scope,
    }


def brief(row: PredictionRecord | None) -> dict[str, Any] | None:
    """A risk in short."""
    if row is None:
        return None
    return {
        "probability": row.probability,
        "level": row.band,
        "neglected": row.detail["neglected"],
        "note": note_of(row),
    }


def note_of(row: PredictionRecord) -> str | None:
    """What is to be put right by ourselves."""
    return NEGLECTED if row.detail["neglected"] else None


def follow_up(session: Session, context: TaskContext, found: Assessed, as_of: datetime) -> None:
    """Set when leads are looked at again by themselves: at once where something is to be planned for them.

    The next sweep hands those over together, since a message of its own each would hold up who asked. Risks as of a
    moment that has passed are for whoever asked.
    """
    if not _now(context, as_of):
        return
    fresh = _fresh(context, found, as_of)
    pressing = [lead_id for lead_id in _pressing(context, found) if lead_id in fresh or lead_id in found.ended]
    risk_queue.schedule(session, context.tenant_id, due=fresh | dict.fromkeys(pressing, context.now))


def have_planned(session: Session, context: TaskContext, found: Assessed) -> None:
    """Have those planned for that are at risk or were, that nobody contacted, or that want to hear no more."""
    above = threshold_state.above_each(session, context.tenant_id, threshold=KIND, lead_ids=list(found.risks))
    pressing = list(dict.fromkeys([*_pressing(context, found), *above]))
    if pressing:
        context.enqueue("hearth.interventions.plan_due", tenant_id=context.tenant_id, lead_ids=pressing)


def _pressing(context: TaskContext, found: Assessed) -> list[str]:
    leave = settings_of(context.settings()).leave
    refused = [lead_id for lead_id, reason in found.ended.items() if reason in REFUSED]
    risky = [one.lead_id for one in found.risks.values() if one.probability >= leave or one.detail["neglected"]]
    return risky + refused


def _fresh(context: TaskContext, found: Assessed, as_of: datetime) -> dict[str, datetime]:
    """When those are due again whose risk is new; an answer that stands has been seen to before."""
    return {lead_id: at for lead_id, at in due_of(context, found, as_of).items() if found.risks[lead_id].new}


def _now(context: TaskContext, as_of: datetime) -> bool:
    return as_of > context.now - snapshots.interval_of(context)


def due_of(context: TaskContext, found: Assessed, as_of: datetime) -> dict[str, datetime]:
    """When each lead that was assessed is to be looked at again."""
    return {lead_id: snapshots.due_after(risk.next_check_at, as_of, context) for lead_id, risk in found.risks.items()}


def assess_profile(
    profile: LeadProfile, champion: model_registry.ChurnChampion, settings: Mapping[str, Any]
) -> tuple[ChurnRisk | None, str | None]:
    """The risk of a lead that is not stored, else why it has none."""
    matrix = extract([profile])
    risk = assess([profile], matrix, scorer=champion.scorer, thresholds=settings.get("silence_days") or {})[0]
    return risk, None if risk is not None else ended(profile)


def detail_of(risk: ChurnRisk, profile: LeadProfile) -> dict[str, Any]:
    """All that the card, the plan and the explanation say of a risk besides its probability; no personal data."""
    names = ("level", "confidence", "days_silent", "threshold", "days_to_churn", "neglected", "next_check_at")
    told = {name: getattr(risk, name) for name in names}
    lead = {name: getattr(profile, name) for name in ("stage", "timeline", "lead_type")}
    plain: dict[str, Any] = to_wire(
        {
            **told,
            "horizon_days": int(HORIZON_DAYS),
            "indicators": [asdict(indicator) for indicator in risk.indicators],
            "members": risk.members,
            **lead,
        }
    )
    return plain


def _own(open_: Sequence[profiles.StoredLead], taken: Sequence[SnapshotRecord]) -> list[SnapshotRecord]:
    by_lead = {snapshot.lead_id: snapshot for snapshot in taken}
    return [by_lead[lead.profile.lead_id] for lead in open_]


def _drafts(
    leads: Sequence[LeadProfile],
    taken: Sequence[SnapshotRecord],
    champion: model_registry.ChurnChampion,
    settings: Mapping[str, Any],
) -> list[PredictionDraft]:
    matrix = FeatureMatrix.from_rows([snapshot.features for snapshot in taken])
    found = assess(leads, matrix, scorer=champion.scorer, thresholds=settings.get("silence_days") or {})
    return [
        PredictionDraft(
            lead_id=lead.lead_id,
            snapshot_id=snapshot.snapshot_id,
            kind=KIND,
            model_id=champion.model_id,
            model_version=champion.version,
            scope=champion.scope,
            probability=risk.probability,
            band=risk.level,
            detail=detail_of(risk, lead),
            as_of=snapshot.as_of,
        )
        for lead, snapshot, risk in zip(leads, taken, found, strict=True)
        if risk is not None
    ]


def _keep(session: Session, context: TaskContext, drafts: Sequence[PredictionDraft]) -> dict[str, StoredRisk]:
    kept = prediction_store.store(session, context, drafts, kind=KIND)
    for draft, prediction_id in kept.fresh():
        _tell_changed(context, draft, prediction_id, kept.before[draft.lead_id])
    known = [prediction_id for _, prediction_id in kept.saved if prediction_id not in kept.new]
    # what stands is what was said first
    stood = {row.prediction_id: row for row in predictions.get(session, context.tenant_id, prediction_ids=known)}
    return {
        draft.lead_id: _stored(
            stood.get(prediction_id, draft),
            prediction_id,
            new=prediction_id in kept.new,
        )
        for draft, prediction_id in kept.saved
    }


def _tell_changed(
    context: TaskContext, draft: PredictionDraft, prediction_id: str, was: tuple[str, float] | None
) -> None:
    if was is None or was[0] == draft.band:
        return
    told = {"lead_id": draft.lead_id, "prediction_id": prediction_id, "level": draft.band, "was": was[0]}
    context.emit_event("risk.changed", draft.lead_id, **told, probability=draft.probability)


def _stored(row: PredictionDraft | PredictionRecord, prediction_id: str, *, new: bool) -> StoredRisk:
    return StoredRisk(
        prediction_id=prediction_id,
        snapshot_id=row.snapshot_id,
        lead_id=row.lead_id,
        as_of=row.as_of,
        probability=row.probability or 0.0,
        level=row.band or "",
        detail=row.detail,
        model_version=row.model_version,
        scope=row.scope,
        next_check_at=datetime.fromisoformat(row.detail["next_check_at"]),
        new=new,
    )
