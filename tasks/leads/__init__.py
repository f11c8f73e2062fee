"""`hearth.leads.*`: leads in, scores and worklists out."""

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
