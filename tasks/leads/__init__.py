"""`hearth.leads.*`: leads in, scores and worklists out."""

from typing import TYPE_CHECKING

from tasks.runtime.task_packages import name_tasks

if TYPE_CHECKING:
    from tasks.leads.assessment_stages import score_stage, snapshot_stage, urgency_stage
    from tasks.leads.card import card
    from tasks.leads.history import history
    from tasks.leads.overrides import mark, override, withdraw_override
    from tasks.leads.rescoring import rescore, sweep, tell_refreshed
    from tasks.leads.score import score
    from tasks.leads.upsert import upsert
    from tasks.leads.worklist import worklist

__all__ = [
    "card",
    "history",
    "mark",
    "override",
    "rescore",
    "score",
    "score_stage",
    "snapshot_stage",
    "sweep",
    "tell_refreshed",
    "upsert",
    "urgency_stage",
    "withdraw_override",
    "worklist",
]

name_tasks(
    __name__,
    {
        "assessment_stages": ("score_stage", "snapshot_stage", "urgency_stage"),
        "card": ("card",),
        "history": ("history",),
        "overrides": ("mark", "override", "withdraw_override"),
        "rescoring": ("rescore", "sweep", "tell_refreshed"),
        "score": ("score",),
        "upsert": ("upsert",),
        "worklist": ("worklist",),
    },
)
