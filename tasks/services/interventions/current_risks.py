"""Bring the risks of leads up to date before they are planned for, and store which of them are acted on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from db.records import ThresholdCrossing
from db.repositories.overrides import threshold_state
from db.session import Session
from tasks.runtime.context import TaskContext
from tasks.services.churn import churn_risk
from tasks.services.interventions.eligibility import THRESHOLD, Risk
from tasks.services.interventions.gate_context import GateSubject
from tasks.services.leads.snapshots import interval_of


def refresh(session: Session, context: TaskContext, subjects: Mapping[str, GateSubject]) -> dict[str, Risk]:
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
        for lead_id, row in churn_risk.latest(session, context.tenant_id, list(leads)).items()
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
