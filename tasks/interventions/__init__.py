"""What is done about leads at risk: planned, judged by gates, handed to the CRM, and followed up."""

from tasks.interventions.approvals import review, waiting
from tasks.interventions.dispatch import dispatch
from tasks.interventions.expire import expire
from tasks.interventions.follow_up import follow_up
from tasks.interventions.pauses import pause, resume
from tasks.interventions.plan import plan, plan_due
from tasks.interventions.report import report

__all__ = ["dispatch", "expire", "follow_up", "pause", "plan", "plan_due", "report", "resume", "review", "waiting"]
