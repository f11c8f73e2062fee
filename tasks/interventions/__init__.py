"""Tasks about interventions: plan for leads at risk, let gates judge, hand over to the CRM, and follow up."""

from tasks.interventions.approvals import review, waiting
from tasks.interventions.dispatch import dispatch
from tasks.interventions.expire import expire
from tasks.interventions.follow_up import follow_up
from tasks.interventions.pauses import pause, resume
from tasks.interventions.plan import plan, plan_due
from tasks.interventions.releases import release
from tasks.interventions.report import report

__all__ = [
    "dispatch",
    "expire",
    "follow_up",
    "pause",
    "plan",
    "plan_due",
    "release",
    "report",
    "resume",
    "review",
    "waiting",
]
