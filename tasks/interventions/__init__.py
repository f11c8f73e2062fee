"""Tasks about interventions: plan for leads at risk, let gates judge, hand over to the CRM, and follow up."""

from typing import TYPE_CHECKING

from tasks.runtime.task_packages import name_tasks

if TYPE_CHECKING:
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

name_tasks(
    __name__,
    {
        "approvals": ("review", "waiting"),
        "dispatch": ("dispatch",),
        "expire": ("expire",),
        "follow_up": ("follow_up",),
        "pauses": ("pause", "resume"),
        "plan": ("plan", "plan_due"),
        "releases": ("release",),
        "report": ("report",),
    },
)
