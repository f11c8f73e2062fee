"""Propose what to do about a lead, by its reasons: rules over the catalogue, and measured uplifts where there are any.

An intervention with a significant uplift goes before those that only rules support; one that seems to do harm goes
after them; a paused one is not proposed. A situation of the lead (it refused, or nobody ever contacted it) leaves no
choice.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import islice
from types import MappingProxyType

from domain.interventions import URGENCIES
from ml.experiments.shrinkage import Uplift
from ml.features.contextual import normalised_level
from ml.interventions.budget import within_budget
from ml.interventions.catalogue import CATALOGUE, Action, Catalogue, Situation, UrgencyRules
from ml.interventions.policy_types import Evidence, Need, Proposal, options
from ml.interventions.templates import action_text, clean_name

__all__ = [
    "COOLDOWN",
    "ENTER",
    "EVERY_INTERVENTION",
    "LEAVE",
    "Need",
    "Proposal",
    "Uplift",
    "action_id",
    "is_acted_on",
    "options",
    "propose",
    "traits_of",
    "urgency_of",
    "within_budget",
]

#: a lead gets interventions from the first risk on, until its risk falls below the second
ENTER, LEAVE = 0.6, 0.5
#: time after an action that was sent to a lead in which it gets no other
COOLDOWN = timedelta(days=7)
#: a pause of this name pauses every intervention
EVERY_INTERVENTION = "*"
_AT_ONCE = timedelta(0)
_URGENT = URGENCIES.index("urgent")
#: each later action of an intervention counts a fifth less
_LATER_ACTION = 0.8
#: most reasons shown for a proposal, and the least support by which one is shown
_MOST_REASONS, _LEAST_REASON = 4, 0.05
_NO_UPLIFTS: Mapping[str, Uplift] = MappingProxyType({})


def propose(
    need: Need,
    catalogue: Catalogue = CATALOGUE,
    *,
    allowed_actions: Collection[str] | None = None,
    uplifts: Mapping[str, Uplift] = _NO_UPLIFTS,
    paused: Collection[str] = frozenset(),
    name: str | None = None,
) -> list[Proposal]:
    """Propose what to do about a lead, best first: at most one proposal per intervention, none when nothing fits.

    `allowed_actions` are those that the caller can carry out (None: all), `uplifts` the measured uplifts by
    intervention, `paused` the interventions that are paused (or `*`), `name` the brokerage's, for use in messages.

    >>> from dataclasses import replace
    >>> from datetime import UTC, datetime
    >>> need = Need(lead_id="1", as_of=datetime(2025, 3, 1, tzinfo=UTC), probability=0.7, level="high", threshold=14.0,
    ...             days_silent=20.0, stage="engaged", indicators={"negative_sentiment": 0.9})
    >>> [(best.intervention, best.action, best.urgency) for best in propose(need)][:2]
    [('concern_addressing', 'call_task', 'high'), ('relationship_rebuilding', 'reengagement_drip', 'high')]
    >>> [(only.intervention, only.action) for only in propose(replace(need, terminal=True))]
    [('concern_addressing', 'suppress')]
    """
    case = _Case(
        need=need,
        catalogue=catalogue,
        allowed=catalogue.actions if allowed_actions is None else frozenset(allowed_actions),
        uplifts=uplifts,
        traits=traits_of(need.stage, need.lead_type, need.timeline),
        points=urgency_of(need, catalogue.urgency),
        name=clean_name(name),
    )
    # an intervention that seems to harm is still tried until it is paused, by an interval that allows daily looks: left
    # out, it could never be cleared
    return [] if EVERY_INTERVENTION in paused else case.proposals(frozenset(paused))


def urgency_of(need: Need, rules: UrgencyRules = CATALOGUE.urgency) -> int:
    """Return how urgent a lead is, as an index in `URGENCIES`: by risk level, stage and silence."""
    if need.terminal:
        return len(URGENCIES) - 1
    points = (
        rules.levels.get(need.level, 0)
        + (_catalogue_level(need.stage) in rules.late_stages)
        + _patience_points(need, rules)
    )
    least = rules.neglected if need.neglected else 0
    return min(max(points, least, 0), len(URGENCIES) - 1)


def is_acted_on(was: bool, probability: float, enter: float = ENTER, leave: float = LEAVE) -> bool:
    """Return whether a lead gets interventions: from `enter` on, until its risk falls below `leave`.

    >>> is_acted_on(False, 0.55), is_acted_on(False, 0.6), is_acted_on(True, 0.55), is_acted_on(True, 0.49)
    (False, True, True, False)
    """
    return probability >= (leave if was else enter)


def action_id(  # noqa: PLR0917  the parts of an id have an order
    tenant_id: str, lead_id: str, intervention: str, action: str, day: date, policy_version: str
) -> str:
    """Return the id of an action; the same plan on the same day has the same id.

    >>> action_id("LOC1", "7", "social_proof", "sms", date(2025, 3, 1), "1")
    '23f8bbd81aa00df78b5162b155eb4df1'
    """
    parts = [tenant_id, lead_id, intervention, action, day.isoformat(), policy_version]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChosenIntervention:
    """One intervention that is proposed."""

    intervention: str
    #: what its text is about: itself, or the situation that decided
    about: str
    codes: tuple[str, ...]
    measured: Uplift | None
    evidence: Evidence
    fit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One lead, and everything its proposals depend on."""

    need: Need
    catalogue: Catalogue
    allowed: Collection[str]
    uplifts: Mapping[str, Uplift]
    #: the lead's traits, as the catalogue writes them
    traits: frozenset[str]
    #: index in `URGENCIES`
    points: int
    name: str | None

    def proposals(self, left_out: Collection[str]) -> list[Proposal]:
        """Return the proposals, best first."""
        code = _situation(self.need)
        if code is not None:
            return self._decided(code, self.catalogue.situations[code], left_out)
        return self._supported(left_out)

    def _decided(self, code: str, situation: Situation, left_out: Collection[str]) -> list[Proposal]:
        actions = self._available(situation.actions)
        if not self.need.terminal and self.need.assigned_to is None:
            # no agent can call it yet: actions of those who can assign one go first
            actions.sort(key=lambda action: action.channel != "internal")
        names = [name for name in situation.interventions if name not in left_out]
        return [self._proposal(name, code, actions, (code,), 1.0) for name in names if actions]

    def _supported(self, left_out: Collection[str]) -> list[Proposal]:
        weights = self._reason_weights()
        support = {name: math.fsum(weights[name].values()) for name in self.catalogue.interventions if name in weights}
        best = max(support.values(), default=1.0)
        # a stable sort: among equals the one that the catalogue names first
        ordered = sorted(support.items(), key=lambda item: self._rank(*item))
        fitting = (
            (name, value, self._actions(name))
            for name, value in ordered
            if value >= self.catalogue.least and name not in left_out
        )
        proposals = (
            self._proposal(name, name, actions, _reason_codes(weights[name]), value / best)
            for name, value, actions in fitting
            if actions
        )
        return list(islice(proposals, self.catalogue.most))

    def _rank(self, intervention: str, support: float) -> tuple[int, float]:
        """Return a sort key: interventions that help first and those that harm last, by uplift; others by support."""
        measured = self.uplifts.get(intervention)
        if measured is None or not measured.significant:
            return 1, -support
        return 0 if measured.helps else 2, -measured.estimate

    def _reason_weights(self) -> dict[str, dict[str, float]]:
        """Return, by intervention, how much each reason supports it."""
        weights: dict[str, dict[str, float]] = {}
        for reason, value in self._reasons():
            for name, weight in self.catalogue.supports.get(reason, ()):
                weights.setdefault(name, {})[reason] = weight * value
        return weights

    def _reasons(self) -> Iterator[tuple[str, float]]:
        need = self.need
        yield from ((reason, value) for reason, value in need.indicators.items() if value > 0)
        yield "risk", need.probability
        if need.days_silent is not None and need.days_silent >= need.threshold:
            yield "overdue", 1.0
        for trait in self.traits:
            yield trait, 1.0

    def _actions(self, intervention: str) -> list[Action]:
        """Return the actions that suit the lead now; those of people go first if it is urgent enough."""
        entry = self.catalogue.interventions[intervention]
        fitting = [
            action
            for action in self._available(entry.actions)
            if action.least <= self.points and action.suits(self.traits)
        ]
        return sorted(fitting, key=lambda action: not action.by_people) if self.points >= entry.people else fitting

    def _available(self, names: Collection[str]) -> list[Action]:
        actions = self.catalogue.actions
        return [actions[name] for name in names if name in actions and name in self.allowed]

    def _proposal(
        self, intervention: str, about: str, actions: list[Action], codes: tuple[str, ...], support: float
    ) -> Proposal:
        measured = self.uplifts.get(intervention)
        helps = measured is not None and measured.helps
        choice = _ChosenIntervention(
            intervention=intervention,
            about=about,
            codes=codes,
            measured=measured,
            evidence="model" if helps else "rule",
            fit=1.0 if helps else support,
        )
        others = [self._option(choice, action, place) for place, action in enumerate(actions[1:], 1)]
        return self._option(choice, actions[0], 0, tuple(others))

    def _option(
        self, choice: _ChosenIntervention, action: Action, place: int, otherwise: tuple[Proposal, ...] = ()
    ) -> Proposal:
        written = action_text(self.catalogue, choice.about, action, name=self.name)
        return Proposal(
            intervention=choice.intervention,
            action=action.name,
            channel=action.channel,
            urgency=URGENCIES[self.points],
            cost=action.cost,
            delay=_AT_ONCE if self.points >= _URGENT else action.delay,
            lasting=action.lasting,
            reason_codes=choice.codes,
            expected_uplift=choice.measured,
            text=written.text,
            evidence=choice.evidence,
            title=written.title,
            fit=choice.fit * _LATER_ACTION**place,
            otherwise=otherwise,
        )


def _situation(need: Need) -> str | None:
    if need.terminal:
        return "terminal"
    return "neglected" if need.neglected else None


def _reason_codes(added: Mapping[str, float]) -> tuple[str, ...]:
    ordered = sorted(added.items(), key=lambda item: (-item[1], item[0]))
    return tuple(reason for place, (reason, value) in enumerate(ordered) if not place or value >= _LEAST_REASON)[
        :_MOST_REASONS
    ]


def _patience_points(need: Need, rules: UrgencyRules) -> int:
    """Return a point shortly before the stage's silence threshold, and minus one long after it."""
    if need.days_silent is None or need.threshold <= 0:
        return 0
    spent = need.days_silent / need.threshold
    if spent >= rules.past:
        return -1
    return int(1 - rules.closing <= spent < 1)


@lru_cache(maxsize=2048)
def traits_of(stage: str | None, lead_type: str | None, timeline: str | None) -> frozenset[str]:
    """Return a lead's traits as the catalogue writes them.

    >>> sorted(traits_of("Under Contract", "buyer", None))
    ['lead_type:buyer', 'stage:under_contract']
    """
    levels = {"stage": stage, "lead_type": lead_type, "timeline": timeline}
    return frozenset(f"{trait}:{_catalogue_level(level)}" for trait, level in levels.items() if level)


@lru_cache(maxsize=2048)
def _catalogue_level(level: str | None) -> str:
    return normalised_level(level or "").replace(" ", "_")
