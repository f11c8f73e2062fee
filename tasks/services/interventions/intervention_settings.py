"""Read a tenant's settings about interventions, with the defaults for what it has not set."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import get_args

from domain.crms import DEFAULT_CRM
from domain.documents import JsonMapping, JsonObject
from ml.interventions.compliance.gates import GateRules
from ml.interventions.compliance.quiet_hours import Hours
from ml.interventions.policy import COOLDOWN, ENTER, LEAVE
from tasks.contracts.tenants import AskBefore, Interventions
from tasks.crm.adapter import CrmAdapter
from tasks.crm.adapters import ADAPTERS
from tasks.crm.generic import GENERIC

#: share of leads that are held out of what is planned for them
HOLDOUT = 0.10
#: channels whose actions a person approves first: those in which Hearth itself writes
APPROVAL = ("sms", "email")
#: minutes of people's work planned within 24 hours, five people's: a large history is worked off day by day
BUDGET = 2400.0
#: share of the open leads for which actions may go out within 24 hours without a person's yes. A lead gets at most one
#: action in the 7 days of the cooldown: where half of the open leads are at risk, that is a 14th of them on a usual day
LARGEST_PLAN_SHARE = 0.1
#: actions within 24 hours that are no large plan, however few leads a tenant has: one person's work of a day
SMALL_PLAN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionSettings:
    """A tenant's settings, complete."""

    kill_switch: bool = False
    holdout: float = HOLDOUT
    #: risk at which a lead is acted on, and below which it is left alone again
    enter: float = ENTER
    leave: float = LEAVE
    cooldown: timedelta = COOLDOWN
    #: of 24 hours, over all batches of leads
    budget: float = BUDGET
    ask_before: AskBefore = "first_and_large"
    largest_plan_share: float = LARGEST_PLAN_SHARE
    #: of the gates
    rules: GateRules = field(default_factory=GateRules)


def settings_of(settings: JsonMapping) -> InterventionSettings:
    """Return a tenant's settings about interventions, with the defaults for what it has not set."""
    block = {name: value for name, value in block_of(settings).items() if value is not None}
    enter = float(block.get("enter", ENTER))
    return InterventionSettings(
        kill_switch=bool(block.get("kill_switch", False)),
        holdout=float(block.get("holdout", HOLDOUT)),
        enter=enter,
        # a tenant that sets only one of the two must not get a threshold that is left above where it is entered
        leave=min(float(block.get("leave", LEAVE)), enter),
        cooldown=timedelta(days=block["cooldown_days"]) if "cooldown_days" in block else COOLDOWN,
        budget=float(block.get("budget", BUDGET)),
        ask_before=_ask_before(block),
        largest_plan_share=float(block.get("largest_plan_share", LARGEST_PLAN_SHARE)),
        rules=_rules(block),
    )


def block_of(settings: JsonMapping) -> JsonObject:
    """Return the settings about interventions as they were given."""
    return dict(settings.get("interventions") or {})


def crm_of(settings: JsonMapping) -> CrmAdapter:
    """Return the adapter of a tenant's CRM, the one that its sender sends to.

    For a CRM that only a newer version knows it is one that carries nothing out.

    >>> crm_of({}).provider, crm_of({"sender": {"crm": "followupboss"}}).provider
    ('ghl', 'followupboss')
    """
    word = (settings.get("sender") or {}).get("crm") or DEFAULT_CRM
    return ADAPTERS.get(word, GENERIC)


def merged(settings: JsonMapping, update: Interventions) -> JsonObject:
    """Return the settings after an update: what it does not name stays, and null goes back to the default."""
    changed = update.model_dump(exclude_unset=True, exclude=set(update.model_extra or {}))
    both = {**block_of(settings), **changed}
    return {name: value for name, value in both.items() if value is not None}


def _ask_before(block: JsonMapping) -> AskBefore:
    """Return which plans wait for a person's yes; what a newer version wrote asks as often as can be."""
    modes: tuple[AskBefore, ...] = get_args(AskBefore)
    return next((mode for mode in modes if mode == block.get("ask_before")), "first_and_large")


def _rules(block: JsonMapping) -> GateRules:
    hours, caps, default = block.get("quiet_hours") or {}, block.get("caps") or {}, GateRules()
    return GateRules(
        hours=Hours(start=hours.get("start", default.hours.start), end=hours.get("end", default.hours.end)),
        per_day=caps.get("per_day", default.per_day),
        per_week=caps.get("per_week", default.per_week),
        approval=frozenset(block.get("approval", APPROVAL)),
        attested=frozenset(block.get("attested") or ()),
    )
