"""The catalogue: which reasons lead to which interventions, by which actions, at which cost and in which words.

It is versioned data (`catalogue.toml`), checked whole when it is loaded. A tenant's settings may narrow its actions and
change their costs; a catalogue that differs says so in its version.
"""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from importlib import resources
from types import MappingProxyType
from typing import Any, cast

from ml.errors import CatalogueError
from ml.interventions.names import (
    ACTIONS,
    CHANNELS,
    INTERVENTIONS,
    LEVELS,
    PEOPLE,
    PLAIN,
    REASONS,
    SITUATIONS,
    STAGES,
    TRAITS,
    URGENCIES,
    WRITES,
    Channel,
    Urgency,
    Writes,
)
from ml.interventions.toml_table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One way to carry an intervention out."""

    name: str
    channel: Channel
    #: in the tenant's unit; minutes of people's work where it names none
    cost: float
    #: until it may go
    delay: timedelta
    #: until it is void
    lasting: timedelta
    #: what Hearth writes of it
    writes: Writes
    #: place among `URGENCIES` from which it is there
    least: int
    #: traits of which one must hold; empty = always
    fits: frozenset[str]
    #: traits of which none may hold
    unfit: frozenset[str]

    @property
    def by_people(self) -> bool:
        """Whether a person does it, so that nothing is sent to the lead."""
        return self.channel in PEOPLE

    def suits(self, traits: Collection[str]) -> bool:
        """Tell whether it suits a lead with these traits."""
        return self.unfit.isdisjoint(traits) and (not self.fits or not self.fits.isdisjoint(traits))


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """One of the ten types."""

    name: str
    #: the likelier first
    actions: tuple[str, ...]
    #: place among `URGENCIES` from which people's actions go first
    people: int
    #: reason -> how much it speaks for it
    reasons: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What decides alone what may be done about a lead."""

    interventions: tuple[str, ...]
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UrgencyRules:
    """How urgent a lead is: points, added up."""

    #: by level of the risk
    levels: Mapping[str, int]
    #: stages with a point more
    late_stages: frozenset[str]
    #: share of the stage's patience that is left, from which a point is added
    closing: float
    #: times of the stage's patience in silence, from which a point is taken
    past: float
    #: least points of a lead that nobody contacted
    neglected: int


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """All that a policy chooses from."""

    #: of the data; with a suffix when a tenant changed it
    version: str
    #: the least support with which an intervention is proposed
    least: float
    #: interventions that are proposed for one lead at most
    most: int
    urgency: UrgencyRules
    actions: Mapping[str, Action]
    interventions: Mapping[str, Intervention]
    situations: Mapping[str, Situation]
    #: section -> intervention, situation or action -> words
    wording: Mapping[str, Mapping[str, str]]

    def of_tenant(self, settings: Mapping[str, Any]) -> Catalogue:
        """Give the catalogue as a tenant's settings have it.

        `allowed_actions` (None = all), `forbidden_actions` and `costs` are read; actions that this version does not
        know are passed over. One that changes nothing is this catalogue.

        >>> narrowed = CATALOGUE.of_tenant({"allowed_actions": ["call_task"], "costs": {"call_task": 7}})
        >>> sorted(narrowed.actions), narrowed.actions["call_task"].cost, narrowed.version == CATALOGUE.version
        (['call_task'], 7.0, False)
        >>> CATALOGUE.of_tenant({"costs": {"call_task": 10}}) is CATALOGUE
        True
        """
        kept = self._kept(settings)
        costs = {
            name: cost for name, cost in _costs(settings).items() if name in kept and cost != self.actions[name].cost
        }
        if not costs and len(kept) == len(self.actions):
            return self
        return replace(
            self,
            version=f"{self.version}+{_digest([sorted(kept), sorted(costs.items())])}",
            actions=MappingProxyType({name: _costing(self.actions[name], costs) for name in kept}),
        )

    @cached_property
    def supports(self) -> Mapping[str, tuple[tuple[str, float], ...]]:
        """Which interventions each reason speaks for, and how much."""
        return {
            reason: tuple(
                (one.name, one.reasons[reason]) for one in self.interventions.values() if reason in one.reasons
            )
            for reason in REASONS
        }

    def _kept(self, settings: Mapping[str, Any]) -> list[str]:
        allowed, forbidden = settings.get("allowed_actions"), settings.get("forbidden_actions") or ()
        return [name for name in self.actions if (allowed is None or name in allowed) and name not in forbidden]


def load(text: str) -> Catalogue:
    """Read a catalogue from TOML; raises CatalogueError, which names the place of what is wrong."""
    try:
        root = Table("", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"is no TOML: {error}") from error
    root.exactly(("version", "least", "most", "urgency", "actions", "interventions", "situations", "wording"))
    actions, interventions = _actions(root.table("actions")), _interventions(root.table("interventions"))
    _check_reach(root.table("interventions"), interventions, actions)
    return Catalogue(
        version=root.word("version"),
        least=root.number("least", 1e-6, 10),
        most=int(root.number("most", 1, len(INTERVENTIONS))),
        urgency=_urgency(root.table("urgency")),
        actions=actions,
        interventions=interventions,
        situations=_situations(root.table("situations"), actions),
        wording=_wording(root.table("wording"), actions),
    )


def _actions(table: Table) -> Mapping[str, Action]:
    table.exactly(ACTIONS)
    return MappingProxyType({name: _action(name, inside) for name, inside in table.tables()})


def _action(name: str, table: Table) -> Action:
    table.only("channel", "cost", "delay", "lasting", "writes", "from", "fits", "unfit")
    channel = cast("Channel", table.word("channel", CHANNELS))
    return Action(
        name=name,
        channel=channel,
        cost=table.number("cost"),
        delay=timedelta(hours=table.number("delay", 0, 24 * 30)),
        lasting=timedelta(days=table.number("lasting", 1, 90)),
        writes=cast("Writes", table.word("writes", WRITES[channel])),
        least=URGENCIES.index(cast("Urgency", table.word("from", URGENCIES))) if "from" in table.cells else 0,
        fits=frozenset(table.words("fits", TRAITS)),
        unfit=frozenset(table.words("unfit", TRAITS)),
    )


def _interventions(table: Table) -> Mapping[str, Intervention]:
    table.exactly(INTERVENTIONS)
    return MappingProxyType({name: _intervention(name, inside) for name, inside in table.tables()})


def _intervention(name: str, table: Table) -> Intervention:
    table.exactly(("actions", "people", "reasons"))
    reasons = table.table("reasons")
    reasons.only(*REASONS)
    return Intervention(
        name=name,
        actions=table.words("actions", ACTIONS),
        people=URGENCIES.index(cast("Urgency", table.word("people", URGENCIES))),
        reasons=MappingProxyType({reason: reasons.number(reason, 1e-6, 10) for reason in reasons.cells}),
    )


def _check_reach(table: Table, interventions: Mapping[str, Intervention], actions: Mapping[str, Action]) -> None:
    """Without consent only people can act, and without people only messages."""
    for name, one in interventions.items():
        kinds = {actions[action].by_people for action in one.actions}
        if kinds != {True, False}:
            table.table(name).wrong("actions", "must hold one of people (call, internal) and one that is sent")


def _situations(table: Table, actions: Mapping[str, Action]) -> Mapping[str, Situation]:
    table.exactly(SITUATIONS)
    found = {name: _situation(inside, actions) for name, inside in table.tables()}
    return MappingProxyType(found)


def _situation(table: Table, actions: Mapping[str, Action]) -> Situation:
    table.exactly(("interventions", "actions"))
    found = Situation(
        interventions=table.words("interventions", INTERVENTIONS), actions=table.words("actions", ACTIONS)
    )
    if not found.interventions or not found.actions:
        table.wrong("actions", "needs an intervention and an action")
    if not all(actions[name].by_people for name in found.actions):
        table.wrong("actions", "must be what people do (call, internal): nothing may be sent")
    return found


def _urgency(table: Table) -> UrgencyRules:
    table.exactly(("levels", "late_stages", "closing", "past", "neglected"))
    levels = table.table("levels")
    levels.exactly(LEVELS)
    return UrgencyRules(
        levels=MappingProxyType({level: int(levels.number(level, 0, 4)) for level in LEVELS}),
        late_stages=frozenset(table.words("late_stages", STAGES)),
        closing=table.number("closing", 0, 1),
        past=table.number("past", 1, 100),
        neglected=int(table.number("neglected", 0, 4)),
    )


def _wording(table: Table, actions: Mapping[str, Action]) -> Mapping[str, Mapping[str, str]]:
    sections = _sections(actions)
    table.exactly(tuple(sections))
    found: dict[str, Mapping[str, str]] = {}
    for name, inside in table.tables():
        inside.exactly(sections[name])
        found[name] = MappingProxyType({key: inside.word(key) for key in inside.cells})
    return MappingProxyType(found)


def _sections(actions: Mapping[str, Action]) -> Mapping[str, Collection[str]]:
    """Say which words there must be: so no pair of an intervention and an action is without its own."""

    def of(*writes: Writes) -> Collection[str]:
        return tuple(name for name, action in actions.items() if action.writes in writes)

    return {
        "opening": INTERVENTIONS,
        "ask": INTERVENTIONS,
        "subject": INTERVENTIONS,
        "why": (*INTERVENTIONS, *SITUATIONS),
        "purpose": (*INTERVENTIONS, *SITUATIONS),
        "question": tuple(name for name in of("sms", "email") if name not in PLAIN),
        "title": of("task"),
        "todo": of("task", "note"),
    }


def _costs(settings: Mapping[str, Any]) -> dict[str, float]:
    told: Mapping[str, Any] = settings.get("costs") or {}
    return {name: float(cost) for name, cost in told.items() if math.isfinite(cost) and cost >= 0}


def _costing(action: Action, costs: Mapping[str, float]) -> Action:
    return replace(action, cost=costs[action.name]) if action.name in costs else action


def _digest(what: Any) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:8]


#: as shipped
CATALOGUE = load((resources.files("ml.interventions") / "catalogue.toml").read_text("utf-8"))
