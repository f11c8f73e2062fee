"""Which leads something is to be done about: those at risk, with hysteresis, and those that nobody ever contacted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from db.records import LevelMove
from db.repositories.leads import leads
from db.repositories.overrides import threshold_state
from db.session import Session
from ml.interventions.policy import Need, acting
from tasks.runtime.context import TaskContext
from tasks.services.churn import churn_risk
from tasks.services.interventions.gate_context import GateSubject
from tasks.services.interventions.intervention_settings import InterventionSettings
from tasks.services.leads.snapshots import interval_of

#: name of the threshold whose sides are kept, so that a wavering risk does not nag
THRESHOLD = "churn"
#: level of a lead that has ended all contact: what is done about it is not a matter of its risk
_TERMINAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """Why something is done about a lead, as its newest risk says."""

    need: Need
    #: of the risk; None for a lead that ended all contact and has none
    prediction_id: str | None
    #: no risk, but nobody ever contacted it: only its agent can do something about that
    neglected_only: bool = False


def find(
    session: Session, context: TaskContext, subjects: Mapping[str, GateSubject], choices: InterventionSettings
) -> tuple[dict[str, Reasons], dict[str, str]]:
    """Give the reasons of the leads that something is to be done about, and why nothing is about the others."""
    terminal = {lead_id: one for lead_id, one in subjects.items() if one.wants_out}
    living = {lead_id: one for lead_id, one in subjects.items() if one.open and one.refused is None}
    known = _risks(session, context, living)
    inside = _inside(session, context, known, choices)
    found = {lead_id: _of_terminal(one, context) for lead_id, one in terminal.items()}
    for lead_id, risk in known.items():
        neglected = bool(risk.detail.get("neglected"))
        if lead_id in inside or neglected:
            found[lead_id] = _of_risk(living[lead_id], risk, neglected_only=lead_id not in inside)
    return found, {lead_id: _why_not(lead_id, one, known) for lead_id, one in subjects.items() if lead_id not in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Risk:
    prediction_id: str
    probability: float
    level: str
    as_of: Any
    detail: Mapping[str, Any]


def _risks(session: Session, context: TaskContext, living: Mapping[str, GateSubject]) -> dict[str, _Risk]:
    """Give each lead's newest risk, assessed now where there is none of this scoring interval or the lead is news."""
    since = context.now - interval_of(context)
    stored = churn_risk.newest(session, context.tenant_id, list(living))
    fresh = {
        lead_id: _Risk(
            prediction_id=row.prediction_id,
            probability=row.probability or 0.0,
            level=row.band or "very_low",
            as_of=row.as_of,
            detail=row.detail,
        )
        for lead_id, row in stored.items()
        if row.as_of > since and not living[lead_id].changed_since(row.computed_at)
    }
    lacking = [lead_id for lead_id in living if lead_id not in fresh]
    assessed = churn_risk.assess_leads(session, context, lacking, context.now) if lacking else {}
    return fresh | {
        lead_id: _Risk(
            prediction_id=one.prediction_id,
            probability=one.probability,
            level=one.level,
            as_of=one.as_of,
            detail=one.detail,
        )
        for lead_id, one in assessed.items()
    }


def _inside(
    session: Session, context: TaskContext, known: Mapping[str, _Risk], choices: InterventionSettings
) -> set[str]:
    """Give the leads that are acted on, and note on which side of the threshold each is now."""
    was = threshold_state.above_each(session, context.tenant_id, threshold=THRESHOLD, lead_ids=list(known))
    inside = {
        lead_id
        for lead_id, risk in known.items()
        if acting(lead_id in was, risk.probability, enter=choices.enter, leave=choices.leave)
    }
    moves = [
        LevelMove(lead_id=lead_id, threshold=THRESHOLD, above=lead_id in inside)
        for lead_id in sorted(known)
        if (lead_id in inside) != (lead_id in was)
    ]
    threshold_state.cross(session, context.tenant_id, moves=moves, now=context.now, quiet_since=context.now)
    return inside


def _of_risk(subject: GateSubject, risk: _Risk, *, neglected_only: bool) -> Reasons:
    told = risk.detail
    need = Need(
        lead_id=subject.record.lead_id,
        as_of=risk.as_of,
        probability=risk.probability,
        level=risk.level,
        indicators=_indicators(told.get("indicators") or ()),
        neglected=bool(told.get("neglected")),
        days_silent=told.get("days_silent"),
        threshold=float(told.get("threshold") or 0.0),
        terminal=False,
        **_standing(subject),
    )
    return Reasons(need=need, prediction_id=risk.prediction_id, neglected_only=neglected_only)


def _of_terminal(subject: GateSubject, context: TaskContext) -> Reasons:
    need = Need(
        lead_id=subject.record.lead_id,
        as_of=context.now,
        probability=1.0,
        level=_TERMINAL,
        threshold=0.0,
        terminal=True,
        **_standing(subject),
    )
    return Reasons(need=need, prediction_id=None)


def _standing(subject: GateSubject) -> dict[str, Any]:
    lead = subject.record
    timeline = lead.fields.get("timeline")
    return {
        "stage": lead.stage,
        "timeline": timeline,
        "lead_type": lead.lead_type,
        "assigned_to": lead.assigned_to,
    }


def _indicators(told: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Give the indicators of which something is known."""
    return {one["name"]: float(one["value"]) for one in told if one.get("known")}


def _why_not(lead_id: str, subject: GateSubject, known: Mapping[str, _Risk]) -> str:
    if subject.record.lead_type in leads.UNSCORED:
        return "no_client"
    if not subject.open or subject.refused is not None:
        return "ended"
    return "below_threshold" if lead_id in known else "no_risk"
