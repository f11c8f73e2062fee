"""Requests of `hearth.online.*`."""

from __future__ import annotations

from domain.targets import Target
from tasks.contracts.base.lead_reference import LeadIds
from tasks.contracts.base.request import Request
from tasks.contracts.system import Upkeep


class LearnSignals(Request):
    """Learn what became of scored leads, for one target; Hearth sends it itself when a signal was stored."""

    target: Target
    #: forget what is known, and learn all stored signals again
    rebuild: bool = False


class ScoreSnapshots(Request):
    """Give a tenant's new snapshots their online scores."""


class MatureSignals(Upkeep):
    """Label scored snapshots whose horizon has passed, of one tenant or of all; with leads, label their churn again."""

    lead_ids: LeadIds | None = None
