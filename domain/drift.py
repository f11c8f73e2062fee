"""The words of drift: how strong a finding is, which way it goes, what a check looks at and what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

from domain.model_kinds import CHURN, LEAD_SCORE
from domain.targets import TARGETS, Target

#: `retrain` is sure enough to act upon, `warning` is worth a look, `watch` may well be chance
DriftLevel = Literal["watch", "warning", "retrain"]
DRIFT_LEVELS: Final[tuple[DriftLevel, ...]] = get_args(DriftLevel)
#: of an error: higher is worse
DriftDirection = Literal["worse", "better"]
#: what a check asks for, weakest first
DriftAction = Literal["none", "warn", "retrain", "rollback"]
DRIFT_ACTIONS: Final[tuple[DriftAction, ...]] = get_args(DriftAction)
#: days of a window: whole weeks, so that each day of the week counts as often
WEEK: Final = 7
#: model kind -> the target whose labels judge it
JUDGED_BY: Final[Mapping[str, Target]] = {LEAD_SCORE.name: "won", CHURN.name: "churned"}
#: the online learner of a target is checked under this and the target
ONLINE: Final = "online_"
#: everything that a check may look at: the kinds of model, and the online learner of each target
CHECKED: Final[tuple[str, ...]] = (*JUDGED_BY, *(f"{ONLINE}{target}" for target in TARGETS))
