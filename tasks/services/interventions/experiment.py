"""What acting on leads at risk has changed, told from those that were enrolled: for the report and for planning."""

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
#: what comes is told by what came in this time
PACE = timedelta(days=28)


def assign_arm(tenant_id: str, lead_id: str, share: float) -> Assignment:
    """Say whether a lead is held out; the same lead always gets the same answer."""
    return assign(lead_id, experiment=f"{tenant_id}:{EXPERIMENT}", share=share)


def measure(session: Session, tenant_id: str, *, share: float, now: datetime) -> verdicts.Report:
    """Say what the tenant's hold-out has shown by now."""
    counted = tallies(session, tenant_id)
    recent = enrolments.count_since(session, tenant_id, experiment=EXPERIMENT, moment=now - PACE)
    return verdicts.report(verdicts.arms(_counts(counted)), share=share, weekly=recent / (PACE / timedelta(weeks=1)))


def uplifts(session: Session, tenant_id: str) -> dict[str, Uplift]:
    """Give what each type of intervention adds to the share of leads that are kept, as far as it was measured."""
    found = partial(verdicts.arms(_counts(tallies(session, tenant_id))))
    return {name: one for name, one in found.items() if one.leads}


def tallies(session: Session, tenant_id: str) -> list[EnrolmentTally]:
    """Give how many leads of each type and arm ended how, of those enrolled at the share by which most are held out.

    Arms of several shares put together would compare leads of different times.
    """
    by_share: defaultdict[float, list[EnrolmentTally]] = defaultdict(list)
    for one in enrolments.tally(session, tenant_id, experiment=EXPERIMENT):
        by_share[_share_of(one)].append(one)
    return max(by_share.values(), key=lambda counted: (_held(counted), _share_of(counted[0])), default=[])


def lopsided(counted: Sequence[EnrolmentTally]) -> bool:
    """Tell whether the leads of `tallies` lie on the two sides otherwise than their chance puts them."""
    held = _held(counted)
    return bool(counted) and far_apart(sum(one.count for one in counted) - held, held, _share_of(counted[0]))


def _share_of(tally: EnrolmentTally) -> float:
    return round(tally.propensity if tally.held_out else 1 - tally.propensity, 6)


def _held(counted: Sequence[EnrolmentTally]) -> int:
    return sum(one.count for one in counted if one.held_out)


def _counts(counted: Sequence[EnrolmentTally]) -> list[tuple[str, bool, str | None, int]]:
    return [(one.intervention, one.held_out, one.outcome, one.count) for one in counted]
