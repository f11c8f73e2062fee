"""The rule by which a promotion is taken back, written down before it takes effect.

Labels come in weeks. So a promotion is watched first by its scores (their distribution, and how well they would rank if
their probabilities were true), and then by realised labels, against the former champion's scores of the same leads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ml.arrays import Bools, Floats
from ml.training.evidence import most_evidence
from ml.training.score_profile import ScoreProfile, estimated_auc, shift

#: by what a promotion is taken back
Ground = Literal["scores", "estimate", "labels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRule:
    """What takes a promotion back. Stored with the promotion as JSON."""

    #: scores of the promoted model, and of the former champion, for the same leads at promotion; None: no champion
    promoted: ScoreProfile
    former: ScoreProfile | None
    #: days after the promotion in which scores and estimate are watched, and labels
    score_days: int = 28
    label_days: int = 90
    #: fewest scores, at promotion and since, or labels, to judge by
    min_scores: int = 200
    min_labels: int = 30
    #: population stability index of the scores against those at promotion, above which they have shifted
    max_shift: float = 0.25
    #: how far the estimated AUC may fall below that at promotion
    max_auc_drop: float = 0.1
    #: evidence for the former champion at which labels take the promotion back: wrongly in at most 1 of so many
    max_evidence: float = 20.0

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> RollbackRule:
        """Return a rule from `dataclasses.asdict` of it, also after a way through JSON."""
        profiles = {name: ScoreProfile.from_json(stored[name]) if stored[name] else None for name in _PROFILES}
        return cls(**{**stored, **profiles})


_PROFILES = ("promoted", "former")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What was seen since a promotion. Scores of both models are of the same leads, in one order."""

    #: newest scores that the promoted model gave, and the former champion as a shadow; empty where it gave none
    scores: Sequence[float] | Floats
    former_scores: Sequence[float] | Floats = ()
    #: labels in the order in which they became known, one a lead, with the scores given before; both models'
    labels: Sequence[bool] | Bools = field(default=())
    labelled: Sequence[float] | Floats = ()
    labelled_former: Sequence[float] | Floats = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """That a promotion is to be taken back, and why."""

    ground: Ground
    reason: str


def should_roll_back(rule: RollbackRule, watched: Watched, *, days: float) -> Rollback | None:
    """Return why a promotion `days` ago is to be taken back; None where it stands.

    Scores that shifted as much for the former champion, too, tell that leads have changed and not that the model is at
    fault: going back would not help.
    """
    if days <= rule.score_days and min(len(watched.scores), rule.promoted.rows) >= rule.min_scores:
        by_scores = _by_scores(rule, watched)
        if by_scores is not None:
            return by_scores
    if days <= rule.label_days and len(watched.labels) >= rule.min_labels:
        return _by_labels(rule, watched)
    return None


def _by_scores(rule: RollbackRule, watched: Watched) -> Rollback | None:
    ours = np.asarray(watched.scores, dtype=np.float64)
    theirs = np.asarray(watched.former_scores, dtype=np.float64)
    former = rule.former if len(theirs) else None
    moved, drop = shift(rule.promoted, ours), rule.promoted.auc - estimated_auc(ours)
    if moved > rule.max_shift and not (former and shift(former, theirs) > rule.max_shift):
        reason = f"its scores have shifted since the promotion: PSI {moved:.2f}, at most {rule.max_shift:.2f}"
        return Rollback(ground="scores", reason=reason)
    if drop > rule.max_auc_drop and not (former and former.auc - estimated_auc(theirs) > rule.max_auc_drop):
        figures = f"{rule.promoted.auc - drop:.3f} against {rule.promoted.auc:.3f} at promotion"
        return Rollback(ground="estimate", reason=f"its estimated AUC has fallen: {figures}")
    return None


def _by_labels(rule: RollbackRule, watched: Watched) -> Rollback | None:
    truth = np.asarray(watched.labels, dtype=np.bool_)
    ours = np.asarray(watched.labelled, dtype=np.float64)
    former = np.asarray(watched.labelled_former, dtype=np.float64)
    evidence = most_evidence(truth, former, ours)
    if evidence < rule.max_evidence:
        return None
    figures = f"Brier {((former - truth) ** 2).mean():.3f} against {((ours - truth) ** 2).mean():.3f}"
    reason = f"the former champion was better on {len(truth)} labels since: {figures}"
    return Rollback(ground="labels", reason=reason)
