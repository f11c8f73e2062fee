"""Load the catalogue: which reasons lead to which interventions, by which actions, at which cost and in which words.

It is versioned data (`catalogue.toml`), checked completely when it is loaded. A tenant's settings may narrow its
actions and change their costs; such a catalogue has another version.
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
from typing import cast

from domain.channels import ACTION_CHANNELS, PEOPLE_CHANNELS, WRITINGS, ActionChannel, Writing
from domain.documents import JsonMapping
from domain.interventions import ACTIONS, INTERVENTIONS, PLAIN_MESSAGES, REASONS, SITUATIONS, TRAITS, URGENCIES, Urgency
from domain.leads import OPEN_STAGES
from domain.risk import RISK_LEVELS
from ml.errors import CatalogueError
from ml.interventions.toml_table import TomlTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One way to carry out an intervention."""

    name: str
    channel: ActionChannel
    #: in the tenant's unit; minutes of people's work by default
    cost: float
    #: time before it may be carried out
    delay: timedelta
    #: time after which it expires
    lasting: timedelta
    #: what Hearth writes for it
    writes: Writing
    #: index in `URGENCIES` from which it is available
    least: int
    #: traits of which a lead must have one; empty: any lead
    fits: frozenset[str]
    #: traits of which a lead may have none
    unfit: frozenset[str]

    @property
    def by_people(self) -> bool:
        """Return whether a person carries it out, so that nothing is sent to the lead."""
        return self.channel in PEOPLE_CHANNELS

    def suits(self, traits: Collection[str]) -> bool:
        """Return whether it suits a lead with these traits."""
        return self.unfit.isdisjoint(traits) and (not self.fits or not self.fits.isdisjoint(traits))


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """One of the ten types."""

    name: str
    #: the most suitable first
    actions: tuple[str, ...]
    #: index in `URGENCIES` from which actions of people go first
    people: int
    #: reason -> how strongly it supports the intervention
    reasons: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A situation of a lead that alone decides what may be done."""

    interventions: tuple[str, ...]
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UrgencyRules:
    """The points by which the urgency of a lead is computed."""

    #: level of the risk -> points
    levels: Mapping[str, int]
    #: stages that add a point
    late_stages: frozenset[str]
    #: a point is added when less than this share of the stage's silence threshold is left
    closing: float
    #: a point is removed when the silence is this many times the stage's threshold
    past: float
    #: minimum points of a lead that nobody has contacted
    neglected: int


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Everything a policy can choose from."""

    #: version of the data; with a suffix when a tenant changed it
    version: str
    #: least support with which an intervention is proposed
    least: float
    #: most interventions that are proposed for one lead
    most: int
    urgency: UrgencyRules
    actions: Mapping[str, Action]
    interventions: Mapping[str, Intervention]
    situations: Mapping[str, Situation]
    #: section -> intervention, situation or action -> words
    wording: Mapping[str, Mapping[str, str]]

    def for_tenant(self, settings: JsonMapping) -> Catalogue:
        """Return the catalogue with a tenant's settings applied; this catalogue if they change nothing.

        `allowed_actions` (None: all), `forbidden_actions` and `costs` are read; actions that this version does not know
        are ignored.

        >>> narrowed = CATALOGUE.for_tenant({"allowed_actions": ["call_task"], "costs": {"call_task": 7}})
        >>> sorted(narrowed.actions), narrowed.actions["call_task"].cost, narrowed.version == CATALOGUE.version
        (['call_task'], 7.0, False)
        >>> CATALOGUE.for_tenant({"costs": {"call_task": 10}}) is CATALOGUE
        True
        """
        names = self._allowed_actions(settings)
        costs = {
            name: cost for name, cost in _costs(settings).items() if name in names and cost != self.actions[name].cost
        }
        if not costs and len(names) == len(self.actions):
            return self
        return replace(
            self,
            version=f"{self.version}+{_digest([sorted(names), sorted(costs.items())])}",
            actions=MappingProxyType({name: _with_cost(self.actions[name], costs) for name in names}),
        )

    @cached_property
    def supports(self) -> Mapping[str, tuple[tuple[str, float], ...]]:
        """Reason -> the interventions that it supports, and how strongly."""
        return {
            reason: tuple(
                (intervention.name, intervention.reasons[reason])
                for intervention in self.interventions.values()
                if reason in intervention.reasons
            )
            for reason in REASONS
        }

    def _allowed_actions(self, settings: JsonMapping) -> list[str]:
        allowed, forbidden = settings.get("allowed_actions"), settings.get("forbidden_actions") or ()
        return [name for name in self.actions if (allowed is None or name in allowed) and name not in forbidden]


def load_catalogue(text: str) -> Catalogue:
    """Return the catalogue in a TOML text. Raises CatalogueError, which names the place of the mistake."""
    try:
        root = TomlTable("", tomllib.loads(text))
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


def _actions(table: TomlTable) -> Mapping[str, Action]:
    table.exactly(ACTIONS)
    return MappingProxyType({name: _action(name, inside) for name, inside in table.tables()})


def _action(name: str, table: TomlTable) -> Action:
    table.only("channel", "cost", "delay", "lasting", "writes", "from", "fits", "unfit")
    channel = cast("ActionChannel", table.word("channel", ACTION_CHANNELS))
    return Action(
        name=name,
        channel=channel,
        cost=table.number("cost"),
        delay=timedelta(hours=table.number("delay", 0, 24 * 30)),
        lasting=timedelta(days=table.number("lasting", 1, 90)),
        writes=cast("Writing", table.word("writes", WRITINGS[channel])),
        least=URGENCIES.index(cast("Urgency", table.word("from", URGENCIES))) if "from" in table.cells else 0,
        fits=frozenset(table.words("fits", TRAITS)),
        unfit=frozenset(table.words("unfit", TRAITS)),
    )


def _interventions(table: TomlTable) -> Mapping[str, Intervention]:
    table.exactly(INTERVENTIONS)
    return MappingProxyType({name: _intervention(name, inside) for name, inside in table.tables()})


def _intervention(name: str, table: TomlTable) -> Intervention:
    table.exactly(("actions", "people", "reasons"))
    reasons = table.table("reasons")
    reasons.only(*REASONS)
    return Intervention(
        name=name,
        actions=table.words("actions", ACTIONS),
        people=URGENCIES.index(cast("Urgency", table.word("people", URGENCIES))),
        reasons=MappingProxyType({reason: reasons.number(reason, 1e-6, 10) for reason in reasons.cells}),
    )


def _check_reach(table: TomlTable, interventions: Mapping[str, Intervention], actions: Mapping[str, Action]) -> None:
    """Require both kinds of actions: without consent only people can act, and without people only messages."""
    for name, intervention in interventions.items():
        kinds = {actions[action].by_people for action in intervention.actions}
        if kinds != {True, False}:
            table.table(name).wrong("actions", "must hold one of people (call, internal) and one that is sent")


def _situations(table: TomlTable, actions: Mapping[str, Action]) -> Mapping[str, Situation]:
    table.exactly(SITUATIONS)
    return MappingProxyType({name: _situation(inside, actions) for name, inside in table.tables()})


def _situation(table: TomlTable, actions: Mapping[str, Action]) -> Situation:
    table.exactly(("interventions", "actions"))
    situation = Situation(
        interventions=table.words("interventions", INTERVENTIONS), actions=table.words("actions", ACTIONS)
    )
    if not situation.interventions or not situation.actions:
        table.wrong("actions", "needs an intervention and an action")
    if not all(actions[name].by_people for name in situation.actions):
        table.wrong("actions", "must be what people do (call, internal): nothing may be sent")
    return situation


def _urgency(table: TomlTable) -> UrgencyRules:
    table.exactly(("levels", "late_stages", "closing", "past", "neglected"))
    levels = table.table("levels")
    levels.exactly(RISK_LEVELS)
    return UrgencyRules(
        levels=MappingProxyType({level: int(levels.number(level, 0, 4)) for level in RISK_LEVELS}),
        late_stages=frozenset(table.words("late_stages", OPEN_STAGES)),
        closing=table.number("closing", 0, 1),
        past=table.number("past", 1, 100),
        neglected=int(table.number("neglected", 0, 4)),
    )


def _wording(table: TomlTable, actions: Mapping[str, Action]) -> Mapping[str, Mapping[str, str]]:
    required = _required_words(actions)
    table.exactly(tuple(required))
    wording: dict[str, Mapping[str, str]] = {}
    for name, inside in table.tables():
        inside.exactly(required[name])
        wording[name] = MappingProxyType({key: inside.word(key) for key in inside.cells})
    return MappingProxyType(wording)


def _required_words(actions: Mapping[str, Action]) -> Mapping[str, Collection[str]]:
    """Return the words that each section must have, so that every pair of intervention and action has its text."""

    def writing(*writes: Writing) -> Collection[str]:
        return tuple(name for name, action in actions.items() if action.writes in writes)

    return {
        "opening": INTERVENTIONS,
        "ask": INTERVENTIONS,
        "subject": INTERVENTIONS,
        "why": (*INTERVENTIONS, *SITUATIONS),
        "purpose": (*INTERVENTIONS, *SITUATIONS),
        "question": tuple(name for name in writing("sms", "email") if name not in PLAIN_MESSAGES),
        "title": writing("task"),
        "todo": writing("task", "note"),
    }


def _costs(settings: JsonMapping) -> dict[str, float]:
    costs: Mapping[str, float] = settings.get("costs") or {}
    return {name: float(cost) for name, cost in costs.items() if math.isfinite(cost) and cost >= 0}


def _with_cost(action: Action, costs: Mapping[str, float]) -> Action:
    return replace(action, cost=costs[action.name]) if action.name in costs else action


def _digest(changes: object) -> str:
    return hashlib.sha256(json.dumps(changes).encode()).hexdigest()[:8]


#: as shipped
CATALOGUE = load_catalogue((resources.files("ml.interventions") / "catalogue.toml").read_text("utf-8"))
