"""Measure what acting on leads at risk has changed, from the leads that were enrolled: for the report and planning."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from db.records import EnrolmentTally
from db.repositories.interventions import enrolments
from db.session import Session
from ml.experiments import verdicts
from ml.experiments.assignment import Assignment, assign
from ml.experiments.assignment import lopsided as far_apart
from ml.experiments.shrinkage import Uplift, partial

#: the one hold-out of a tenant, pooled over all types of intervention
EXPERIMENT = "interventions"
#: the pace of enrolment is measured over this time
PACE = timedelta(days=28)


def assign_arm(tenant_id: str, lead_id: str, share: float) -> Assignment:
    """Return whether a lead is held out, and with which probability; the same lead always gets the same answer."""
    return assign(lead_id, experiment=f"{tenant_id}:{EXPERIMENT}", share=share)


def measure(session: Session, tenant_id: str, *, share: float, now: datetime) -> verdicts.Report:
    """Return what the tenant's hold-out has shown by now."""
    counted = tallies(session, tenant_id)
    recent = enrolments.count_since(session, tenant_id, experiment=EXPERIMENT, moment=now - PACE)
    return verdicts.report(verdicts.arms(_counts(counted)), share=share, weekly=recent / (PACE / timedelta(weeks=1)))


def uplifts(session: Session, tenant_id: str) -> dict[str, Uplift]:
    """Return what each type of intervention adds to the share of leads that are kept, as far as it was measured."""
    measured = partial(verdicts.arms(_counts(tallies(session, tenant_id))))
    return {name: uplift for name, uplift in measured.items() if uplift.leads}


def tallies(session: Session, tenant_id: str) -> list[EnrolmentTally]:
    """Return how many leads of each type and arm ended how, of those enrolled at the share that held out most leads.

    Arms of several shares put together would compare leads of different times.
    """
    by_share: defaultdict[float, list[EnrolmentTally]] = defaultdict(list)
    for tally in enrolments.tally(session, tenant_id, experiment=EXPERIMENT):
        by_share[_share_of(tally)].append(tally)
    return max(by_share.values(), key=lambda counted: (_held_out_leads(counted), _share_of(counted[0])), default=[])


def lopsided(counted: Sequence[EnrolmentTally]) -> bool:
    """Return whether the arms of `tallies` have other sizes than chance explains (sample-ratio mismatch)."""
    held_out = _held_out_leads(counted)
    treated = sum(tally.count for tally in counted) - held_out
    return bool(counted) and far_apart(treated, held_out, _share_of(counted[0]))


def _share_of(tally: EnrolmentTally) -> float:
    return round(tally.propensity if tally.held_out else 1 - tally.propensity, 6)


def _held_out_leads(counted: Sequence[EnrolmentTally]) -> int:
    return sum(tally.count for tally in counted if tally.held_out)


def _counts(counted: Sequence[EnrolmentTally]) -> list[tuple[str, bool, str | None, int]]:
    return [(tally.intervention, tally.held_out, tally.outcome, tally.count) for tally in counted]
