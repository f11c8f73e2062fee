"""Leads in, scores and worklists out."""

from tasks.leads.score import score
from tasks.leads.stages import score_stage, snapshot_stage, urgency_stage
from tasks.leads.store import upsert
from tasks.leads.worklist import card, worklist

__all__ = ["card", "score", "score_stage", "snapshot_stage", "upsert", "urgency_stage", "worklist"]
