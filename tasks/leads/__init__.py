"""Leads in, scores and worklists out."""

from tasks.leads.live import rescore, sweep
from tasks.leads.score import may_score, score
from tasks.leads.stages import score_stage, snapshot_stage, urgency_stage
from tasks.leads.store import upsert
from tasks.leads.worklist import card, worklist

__all__ = [
    "card",
    "may_score",
    "rescore",
    "score",
    "score_stage",
    "snapshot_stage",
    "sweep",
    "upsert",
    "urgency_stage",
    "worklist",
]
