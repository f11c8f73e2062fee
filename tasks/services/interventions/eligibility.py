"""Decide which leads something is done about: those at risk, with hysteresis, and those that nobody ever contacted.

`refresh_risks` first brings their risks up to date. `find` computes its answer from what was loaded and stores nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from db.records import ThresholdCrossing
from db.repositories.overrides import threshold_state
from db.session import Session
from domain.documents import JsonMapping
from domain.leads import UNSCORED_LEAD_TYPES
from ml.churn import scorecard
from ml.interventions.policy import Need, is_acted_on
from tasks.runtime.context import TaskContext
from tasks.services.churn import churn_risk, risk_views
from tasks.services.interventions.gate_context import GateSubject
from tasks.services.interventions.intervention_settings import InterventionSettings
from tasks.services.leads.predictions import interval_of

#: name of the threshold of which each lead's side is stored, so that a risk that wavers does not nag
THRESHOLD = "churn"
#: level of a lead that has ended all contact: what is done about it does not depend on its risk
_TERMINAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """The newest risk of a lead."""

    prediction_id: str
    #: 0 to 1
    probability: float
    level: str
    as_of: datetime
    #: as in the prediction
    detail: JsonMapping

    def without_tone(self) -> float:
        """Return the probability by which something is done: that of the scorecard without the tone of messages.

        A model's own probability stays: what the tone adds to it was learnt from how leads ended.
        """
        if self.detail.get("members"):
            return self.probability
        values = {each["name"]: each["value"] for each in self.detail.get("indicators") or ()}
        return min(self.probability, scorecard.without_tone(values)) if values else self.probability


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """Why something is done about a lead."""

    need: Need
    #: of the risk; None for a lead that ended all contact and has none
    prediction_id: str | None
    #: no risk, but nobody ever contacted it: only its agent can do something about that
    neglected_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """The leads that are eligible for an intervention, and why the others are not."""

    reasons: Mapping[str, Reasons]
    #: lead -> code of why nothing is done about it; the leads without reasons
    why_not: Mapping[str, str]
    #: leads that changed the side of the threshold
    crossings: tuple[ThresholdCrossing, ...]


def refresh_risks(session: Session, context: TaskContext, subjects: Mapping[str, GateSubject]) -> dict[str, Risk]:
    """Return the newest risk of each lead that has one.

    A lead is assessed now, and its risk stored, where there is no risk of this scoring interval or something was
    learnt of the lead since.
    """
    leads = {lead_id: subject for lead_id, subject in subjects.items() if subject.has_risk}
    stored = _of_this_interval(session, context, leads)
    missing = [lead_id for lead_id in leads if lead_id not in stored]
    return stored | (_assess(session, context, missing) if missing else {})


def above_threshold(session: Session, context: TaskContext, lead_ids: Collection[str]) -> Collection[str]:
    """Return the leads that were acted on until now."""
    return threshold_state.above_each(session, context.tenant_id, threshold=THRESHOLD, lead_ids=list(lead_ids))


def find(
    subjects: Mapping[str, GateSubject],
    risks: Mapping[str, Risk],
    above: Collection[str],
    settings: InterventionSettings,
    now: datetime,
) -> Eligibility:
    """Return the reasons for each lead, or why there are none; `above` are the leads acted on until now."""
    acted_on = {
        lead_id
        for lead_id, risk in risks.items()
        if is_acted_on(lead_id in above, risk.without_tone(), enter=settings.enter, leave=settings.leave)
    }
    reasons = {lead_id: _of_refusal(subject, now) for lead_id, subject in subjects.items() if subject.wants_out}
    for lead_id, risk in risks.items():
        if lead_id in acted_on or risk.detail.get("neglected"):
            reasons[lead_id] = _of_risk(subjects[lead_id], risk, neglected_only=lead_id not in acted_on)
    return Eligibility(
        reasons=reasons,
        why_not={lead_id: _why_not(subject, risks) for lead_id, subject in subjects.items() if lead_id not in reasons},
        crossings=tuple(
            ThresholdCrossing(lead_id=lead_id, threshold=THRESHOLD, above=lead_id in acted_on)
            for lead_id in sorted(risks)
            if (lead_id in acted_on) != (lead_id in above)
        ),
    )


def record_crossings(session: Session, context: TaskContext, crossings: Sequence[ThresholdCrossing]) -> None:
    """Store the leads that changed the side of the threshold."""
    threshold_state.record_crossings(
        session, context.tenant_id, moves=crossings, now=context.now, quiet_since=context.now
    )


def _of_this_interval(session: Session, context: TaskContext, leads: Mapping[str, GateSubject]) -> dict[str, Risk]:
    since = context.now - interval_of(context)
    return {
        lead_id: Risk(
            prediction_id=row.prediction_id,
            probability=row.probability or 0.0,
            level=row.band or "very_low",
            as_of=row.as_of,
            detail=row.detail,
        )
        for lead_id, row in risk_views.latest(session, context.tenant_id, list(leads)).items()
        if row.as_of > since and not leads[lead_id].changed_since(row.computed_at)
    }


def _assess(session: Session, context: TaskContext, lead_ids: Sequence[str]) -> dict[str, Risk]:
    return {
        lead_id: Risk(
            prediction_id=risk.prediction_id,
            probability=risk.probability,
            level=risk.level,
            as_of=risk.as_of,
            detail=risk.detail,
        )
        for lead_id, risk in churn_risk.assess_leads(session, context, lead_ids, context.now).items()
    }


def _of_risk(subject: GateSubject, risk: Risk, *, neglected_only: bool) -> Reasons:
    lead = subject.record
    need = Need(
        lead_id=lead.lead_id,
        as_of=risk.as_of,
        probability=risk.probability,
        level=risk.level,
        indicators=_indicators(risk.detail.get("indicators") or ()),
        neglected=bool(risk.detail.get("neglected")),
        days_silent=risk.detail.get("days_silent"),
        threshold=float(risk.detail.get("threshold") or 0.0),
        terminal=False,
        stage=lead.stage,
        timeline=lead.fields.get("timeline"),
        lead_type=lead.lead_type,
        assigned_to=lead.assigned_to,
    )
    return Reasons(need=need, prediction_id=risk.prediction_id, neglected_only=neglected_only)


def _of_refusal(subject: GateSubject, now: datetime) -> Reasons:
    lead = subject.record
    need = Need(
        lead_id=lead.lead_id,
        as_of=now,
        probability=1.0,
        level=_TERMINAL,
        threshold=0.0,
        terminal=True,
        stage=lead.stage,
        timeline=lead.fields.get("timeline"),
        lead_type=lead.lead_type,
        assigned_to=lead.assigned_to,
    )
    return Reasons(need=need, prediction_id=None)


def _indicators(indicators: Iterable[JsonMapping]) -> dict[str, float]:
    """Return the values of the indicators of which something is known."""
    return {indicator["name"]: float(indicator["value"]) for indicator in indicators if indicator.get("known")}


def _why_not(subject: GateSubject, risks: Mapping[str, Risk]) -> str:
    if subject.record.lead_type in UNSCORED_LEAD_TYPES:
        return "no_client"
    if not subject.has_risk:
        return "ended"
    return "below_threshold" if subject.record.lead_id in risks else "no_risk"
