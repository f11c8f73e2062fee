"""The words of drift: how strong a finding is, which way it goes, and what a check asks for."""

from __future__ import annotations

from typing import Final, Literal, get_args

#: `retrain` is sure enough to act upon, `warning` is worth a look, `watch` may well be chance
DriftLevel = Literal["watch", "warning", "retrain"]
DRIFT_LEVELS: Final[tuple[DriftLevel, ...]] = get_args(DriftLevel)
#: of an error: higher is worse
DriftDirection = Literal["worse", "better"]
#: what a check asks for, weakest first
DriftAction = Literal["none", "warn", "retrain", "rollback"]
DRIFT_ACTIONS: Final[tuple[DriftAction, ...]] = get_args(DriftAction)
