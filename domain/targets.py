"""What online learners predict of a lead: the four targets, how far each looks ahead, and what makes one come true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, get_args

from domain.model_kinds import CHURN, LEAD_SCORE
from domain.risk import HORIZON_DAYS

Target = Literal["reply", "booking", "won", "churned"]
TARGETS: tuple[Target, ...] = get_args(Target)
#: how a label became known: something happened, or the horizon passed
SignalOrigin = Literal["outcome", "matured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetMeaning:
    """The meaning of one target: what is asked of a snapshot, and when the answer is known."""

    #: what is asked, as people read it
    question: str
    #: how far after the snapshot the question looks
    horizon: timedelta
    #: kind of the batch prediction that makes a snapshot a scored one, and whose probability is kept beside the label
    scored_by: str
    #: kinds of events (canonical, without `outcome.`) by which it came true, and by which it no longer can; replies are
    #: also what `ml.personalization.replies` takes for one
    happened: frozenset[str] = frozenset()
    ruled_out: frozenset[str] = frozenset()


#: Churn is censored until its horizon has passed, since quick ends alone would make it look more frequent than it is:
#: no event makes it true at once. Its labels are those of `ml.churn.labels`.
MEANINGS: Final[Mapping[Target, TargetMeaning]] = {
    "reply": TargetMeaning(
        question="does the lead answer within 7 days",
        horizon=timedelta(days=7),
        scored_by=LEAD_SCORE.name,
        happened=frozenset({"replied"}),
    ),
    "booking": TargetMeaning(
        question="is an appointment or a showing made or kept within 14 days",
        horizon=timedelta(days=14),
        scored_by=LEAD_SCORE.name,
        happened=frozenset({"appointments", "appointment_set", "appointment_kept", "showings"}),
    ),
    "won": TargetMeaning(
        question="is the deal won within 90 days",
        horizon=timedelta(days=90),
        scored_by=LEAD_SCORE.name,
        happened=frozenset({"won", "deal_won"}),
        ruled_out=frozenset({"lost", "deal_lost", "abandoned"}),
    ),
    "churned": TargetMeaning(
        question="does the lead go cold within 30 days",
        horizon=timedelta(days=HORIZON_DAYS),
        scored_by=CHURN.name,
    ),
}
