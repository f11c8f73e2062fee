"""How a tenant wants leads at risk looked after, and what holds where it has said nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ml.interventions.compliance.gates import GateRules
from ml.interventions.compliance.quiet_hours import Hours
from ml.interventions.policy import COOLDOWN, ENTER, LEAVE
from tasks.contracts.tenants import Interventions

#: share of leads that are held out of what is planned for them
HOLDOUT = 0.10
#: channels whose actions a person approves first: what Hearth itself has written
APPROVAL = ("sms", "email")
#: minutes of people's work that are planned within 24 hours, those of five: a large history is worked off day by day
BUDGET = 2400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionSettings:
    """A tenant's choices, whole."""

    kill_switch: bool = False
    holdout: float = HOLDOUT
    #: risk at which a lead is acted on, and below which it is left alone again
    enter: float = ENTER
    leave: float = LEAVE
    cooldown: timedelta = COOLDOWN
    #: of 24 hours, over all batches of leads
    budget: float = BUDGET
    #: of the gates
    rules: GateRules = field(default_factory=GateRules)


def settings_of(settings: Mapping[str, Any]) -> InterventionSettings:
    """Give what a tenant's settings say, with the defaults where they say nothing."""
    said = {name: value for name, value in block_of(settings).items() if value is not None}
    enter = float(said.get("enter", ENTER))
    return InterventionSettings(
        kill_switch=bool(said.get("kill_switch", False)),
        holdout=float(said.get("holdout", HOLDOUT)),
        enter=enter,
        # who sets but one of the two gets no threshold that is left above where it is entered
        leave=min(float(said.get("leave", LEAVE)), enter),
        cooldown=timedelta(days=said["cooldown_days"]) if "cooldown_days" in said else COOLDOWN,
        budget=float(said.get("budget", BUDGET)),
        rules=_rules(said),
    )


def block_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give what was said of interventions, as it was said."""
    return dict(settings.get("interventions") or {})


def merged(settings: Mapping[str, Any], told: Interventions) -> dict[str, Any]:
    """Give what stands once something new is said: the rest stays, and null goes back to the default."""
    news = told.model_dump(exclude_unset=True, exclude=set(told.model_extra or {}))
    both = {**block_of(settings), **news}
    return {name: value for name, value in both.items() if value is not None}


def _rules(said: Mapping[str, Any]) -> GateRules:
    hours, caps, usual = said.get("quiet_hours") or {}, said.get("caps") or {}, GateRules()
    return GateRules(
        hours=Hours(start=hours.get("start", usual.hours.start), end=hours.get("end", usual.hours.end)),
        per_day=caps.get("per_day", usual.per_day),
        per_week=caps.get("per_week", usual.per_week),
        approval=frozenset(said.get("approval", APPROVAL)),
        attested=frozenset(said.get("attested") or ()),
    )
