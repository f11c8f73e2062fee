"""Lead scoring: the trained scorer, the written scorecard before there is one, and training with its gate."""

from __future__ import annotations

from domain.closed_leads import MIN_LABELLED, MIN_OF_EACH
from ml.ensemble.explained import Explained
from ml.leads.leaks import probe
from ml.leads.results import LeadScore, band
from ml.leads.scorecard import Scorecard
from ml.leads.scorer import LeadScorer
from ml.leads.training import METHOD, Gate, Training, gate, train

__all__ = [
    "METHOD",
    "MIN_LABELLED",
    "MIN_OF_EACH",
    "Explained",
    "Gate",
    "LeadScore",
    "LeadScorer",
    "Scorecard",
    "Training",
    "band",
    "gate",
    "probe",
    "train",
]
