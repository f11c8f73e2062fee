"""Leads in, scores and worklists out."""

from tasks.leads.card import card
from tasks.leads.history import history
from tasks.leads.judging import mark, override, withdraw_override
from tasks.leads.live import rescore, sweep
from tasks.leads.score import score
from tasks.leads.stages import score_stage, snapshot_stage, urgency_stage
from tasks.leads.store import upsert
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
    "upsert",
    "urgency_stage",
    "withdraw_override",
    "worklist",
]
