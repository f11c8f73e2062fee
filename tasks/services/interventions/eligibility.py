"""Decide which leads something is done about: those at risk, with hysteresis, and those that nobody ever contacted.

Everything here is computed from what was loaded; `current_risks` reads it, and stores what follows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.records import ThresholdCrossing
from domain.leads import UNSCORED_LEAD_TYPES
from ml.interventions.policy import Need, is_acted_on
from tasks.services.interventions.gate_context import GateSubject
from tasks.services.interventions.intervention_settings import InterventionSettings

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
    detail: Mapping[str, Any]


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
    """Which leads something is done about."""

    reasons: Mapping[str, Reasons]
    #: lead -> code of why nothing is done about it; the leads without reasons
    why_not: Mapping[str, str]
    #: leads that changed the side of the threshold
    crossings: tuple[ThresholdCrossing, ...]


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
        if is_acted_on(lead_id in above, risk.probability, enter=settings.enter, leave=settings.leave)
    }
    reasons = {lead_id: _of_refusal(subject, now) for lead_id, subject in subjects.items() if subject.wants_out}
    for lead_id, risk in risks.items():
        if lead_id in acted_on or risk.detail.get("neglected"):
            reasons[lead_id] = _of_risk(subjects[lead_id], risk, neglected_only=lead_id not in acted_on)
    return Eligibility(
        reasons=reasons,
        why_not={lead_id: _why_not(one, risks) for lead_id, one in subjects.items() if lead_id not in reasons},
        crossings=tuple(
            ThresholdCrossing(lead_id=lead_id, threshold=THRESHOLD, above=lead_id in acted_on)
            for lead_id in sorted(risks)
            if (lead_id in acted_on) != (lead_id in above)
        ),
    )


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


def _indicators(indicators: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return the values of the indicators of which something is known."""
    return {indicator["name"]: float(indicator["value"]) for indicator in indicators if indicator.get("known")}


def _why_not(subject: GateSubject, risks: Mapping[str, Risk]) -> str:
    if subject.record.lead_type in UNSCORED_LEAD_TYPES:
        return "no_client"
    if not subject.has_risk:
        return "ended"
    return "below_threshold" if subject.record.lead_id in risks else "no_risk"
