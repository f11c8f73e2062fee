"""From a lead's reasons to what to do about it: written rules over the catalogue until something was measured.

A type of intervention whose uplift is significant goes before those that only rules speak for, one that seems to do
harm behind them, and one that is paused is not proposed. What a lead's situation decides (it refused, or nobody ever
contacted it) leaves no other choice.
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

from ml.experiments.shrinkage import Uplift
from ml.interventions.budget import within_budget
from ml.interventions.catalogue import CATALOGUE, Action, Catalogue, Situation, UrgencyRules
from ml.interventions.names import URGENCIES
from ml.interventions.policy_types import Evidence, Need, Proposal, options
from ml.interventions.templates import tidy, words
from ml.leads.scorecard import normalised_level

__all__ = [
    "COLLISION",
    "COOLDOWN",
    "ENTER",
    "EVERY",
    "LEAVE",
    "Need",
    "Proposal",
    "Uplift",
    "acting",
    "action_id",
    "options",
    "propose",
    "traits_of",
    "urgency_of",
    "within_budget",
]

#: a risk is acted on from here on, until it falls below there
ENTER, LEAVE = 0.6, 0.5
#: after an action that was sent to a lead, none for this long
COOLDOWN = timedelta(days=7)
#: states of an action beside which a lead gets no second one
COLLISION = frozenset({"approval", "planned", "dispatched"})
#: a pause of this name pauses every intervention
EVERY = "*"
_AT_ONCE = timedelta(0)
_URGENT = URGENCIES.index("urgent")
#: each later action of an intervention counts for a fifth less
_LATER = 0.8
#: reasons told of a proposal, and how much one must add to be told
_TOLD, _ADDS = 4, 0.05
_NONE: Mapping[str, Uplift] = MappingProxyType({})


def propose(
    need: Need,
    catalogue: Catalogue = CATALOGUE,
    *,
    allowed_actions: Collection[str] | None = None,
    uplifts: Mapping[str, Uplift] = _NONE,
    paused: Collection[str] = frozenset(),
    name: str | None = None,
) -> list[Proposal]:
    """Propose what to do about a lead, best first: at most one proposal an intervention, none where nothing fits.

    `allowed_actions` are those that the caller can carry out (None = all), `uplifts` what was measured of an
    intervention, `paused` interventions (or `*`), `name` the brokerage's, which messages may bear.

    >>> from dataclasses import replace
    >>> from datetime import UTC, datetime
    >>> need = Need(lead_id="1", as_of=datetime(2025, 3, 1, tzinfo=UTC), probability=0.7, level="high", threshold=14.0,
    ...             days_silent=20.0, stage="engaged", indicators={"negative_sentiment": 0.9})
    >>> [(one.intervention, one.action, one.urgency) for one in propose(need)][:2]
    [('concern_addressing', 'call_task', 'high'), ('relationship_rebuilding', 'reengagement_drip', 'high')]
    >>> [(one.intervention, one.action) for one in propose(replace(need, terminal=True))]
    [('concern_addressing', 'suppress')]
    """
    case = _Case(
        need=need,
        catalogue=catalogue,
        allowed=catalogue.actions if allowed_actions is None else frozenset(allowed_actions),
        uplifts=uplifts,
        traits=traits_of(need.stage, need.lead_type, need.timeline),
        points=urgency_of(need, catalogue.urgency),
        name=tidy(name),
    )
    # what seems to harm is tried on until it is paused, by an interval that bears daily looks: left out, it could never
    # be cleared
    return [] if EVERY in paused else case.proposals(frozenset(paused))


def urgency_of(need: Need, rules: UrgencyRules = CATALOGUE.urgency) -> int:
    """Give how urgent a lead is, as a place among `URGENCIES`: by level, stage and what is left of its patience."""
    if need.terminal:
        return len(URGENCIES) - 1
    points = rules.levels.get(need.level, 0) + (_written(need.stage) in rules.late_stages) + _window(need, rules)
    least = rules.neglected if need.neglected else 0
    return min(max(points, least, 0), len(URGENCIES) - 1)


def acting(was: bool, probability: float, enter: float = ENTER, leave: float = LEAVE) -> bool:
    """Tell whether a risk is acted on: entered at one height and left below a lower one.

    >>> acting(False, 0.55), acting(False, 0.6), acting(True, 0.55), acting(True, 0.49)
    (False, True, True, False)
    """
    return probability >= (leave if was else enter)


def action_id(  # noqa: PLR0917  the parts of an id have an order
    tenant_id: str, lead_id: str, intervention: str, action: str, day: date, policy_version: str
) -> str:
    """Give the id of an action: the same plan of the same day has the same one.

    >>> action_id("LOC1", "7", "social_proof", "sms", date(2025, 3, 1), "1")
    '23f8bbd81aa00df78b5162b155eb4df1'
    """
    parts = [tenant_id, lead_id, intervention, action, day.isoformat(), policy_version]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """One intervention that is proposed."""

    intervention: str
    #: what its words are about: itself, or the situation that decided
    about: str
    codes: tuple[str, ...]
    measured: Uplift | None
    evidence: Evidence
    fit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One lead, and what there is to choose from."""

    need: Need
    catalogue: Catalogue
    allowed: Collection[str]
    uplifts: Mapping[str, Uplift]
    #: of the lead, as the catalogue writes them
    traits: frozenset[str]
    #: place among the urgencies
    points: int
    name: str | None

    def proposals(self, left_out: Collection[str]) -> list[Proposal]:
        """Give what is proposed, best first."""
        code = _situation(self.need)
        if code is not None:
            return self._decided(code, self.catalogue.situations[code], left_out)
        return self._supported(left_out)

    def _decided(self, code: str, situation: Situation, left_out: Collection[str]) -> list[Proposal]:
        actions = self._known(situation.actions)
        if not self.need.terminal and self.need.assigned_to is None:
            # nobody to call it yet: those who can find somebody go first
            actions.sort(key=lambda action: action.channel != "internal")
        kept = [name for name in situation.interventions if name not in left_out]
        return [self._proposal(name, code, actions, (code,), 1.0) for name in kept if actions]

    def _supported(self, left_out: Collection[str]) -> list[Proposal]:
        weighed = self._weighed()
        support = {name: math.fsum(weighed[name].values()) for name in self.catalogue.interventions if name in weighed}
        best = max(support.values(), default=1.0)
        # a stable sort: of equals the one that the catalogue names first
        ordered = sorted(support.items(), key=lambda each: self._rank(*each))
        fitting = (
            (name, value, self._actions(name))
            for name, value in ordered
            if value >= self.catalogue.least and name not in left_out
        )
        found = (
            self._proposal(name, name, actions, _codes(weighed[name]), value / best)
            for name, value, actions in fitting
            if actions
        )
        return list(islice(found, self.catalogue.most))

    def _rank(self, intervention: str, support: float) -> tuple[int, float]:
        """Sort what was measured to help first and to harm last, by uplift; others by how much speaks for them."""
        measured = self.uplifts.get(intervention)
        if measured is None or not measured.significant:
            return 1, -support
        return 0 if measured.helps else 2, -measured.estimate

    def _weighed(self) -> dict[str, dict[str, float]]:
        """Give what each reason adds to each intervention."""
        found: dict[str, dict[str, float]] = {}
        for reason, value in self._reasons():
            for name, weight in self.catalogue.supports.get(reason, ()):
                found.setdefault(name, {})[reason] = weight * value
        return found

    def _reasons(self) -> Iterator[tuple[str, float]]:
        need = self.need
        yield from ((reason, value) for reason, value in need.indicators.items() if value > 0)
        yield "risk", need.probability
        if need.days_silent is not None and need.days_silent >= need.threshold:
            yield "overdue", 1.0
        for trait in self.traits:
            yield trait, 1.0

    def _actions(self, intervention: str) -> list[Action]:
        """Give the actions that suit the lead now, those of people first where it is urgent enough."""
        one = self.catalogue.interventions[intervention]
        fitting = [
            action for action in self._known(one.actions) if action.least <= self.points and action.suits(self.traits)
        ]
        return sorted(fitting, key=lambda action: not action.by_people) if self.points >= one.people else fitting

    def _known(self, names: Collection[str]) -> list[Action]:
        actions = self.catalogue.actions
        return [actions[name] for name in names if name in actions and name in self.allowed]

    def _proposal(
        self, intervention: str, about: str, actions: list[Action], codes: tuple[str, ...], support: float
    ) -> Proposal:
        measured = self.uplifts.get(intervention)
        helps = measured is not None and measured.helps
        choice = _Choice(
            intervention=intervention,
            about=about,
            codes=codes,
            measured=measured,
            evidence="model" if helps else "rule",
            fit=1.0 if helps else support,
        )
        others = [self._option(choice, action, place) for place, action in enumerate(actions[1:], 1)]
        return self._option(choice, actions[0], 0, tuple(others))

    def _option(self, choice: _Choice, action: Action, place: int, otherwise: tuple[Proposal, ...] = ()) -> Proposal:
        said = words(self.catalogue, choice.about, action, name=self.name)
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
            text=said.text,
            evidence=choice.evidence,
            title=said.title,
            fit=choice.fit * _LATER**place,
            otherwise=otherwise,
        )


def _situation(need: Need) -> str | None:
    if need.terminal:
        return "terminal"
    return "neglected" if need.neglected else None


def _codes(added: Mapping[str, float]) -> tuple[str, ...]:
    ordered = sorted(added.items(), key=lambda each: (-each[1], each[0]))
    return tuple(reason for place, (reason, value) in enumerate(ordered) if not place or value >= _ADDS)[:_TOLD]


def _window(need: Need, rules: UrgencyRules) -> int:
    """Give a point while the stage's patience runs out, and take one long after it has."""
    if need.days_silent is None or need.threshold <= 0:
        return 0
    spent = need.days_silent / need.threshold
    if spent >= rules.past:
        return -1
    return int(1 - rules.closing <= spent < 1)


@lru_cache(maxsize=2048)
def traits_of(stage: str | None, lead_type: str | None, timeline: str | None) -> frozenset[str]:
    """Give a lead's traits as the catalogue writes them.

    >>> sorted(traits_of("Under Contract", "buyer", None))
    ['lead_type:buyer', 'stage:under_contract']
    """
    told = {"stage": stage, "lead_type": lead_type, "timeline": timeline}
    return frozenset(f"{trait}:{_written(level)}" for trait, level in told.items() if level)


@lru_cache(maxsize=2048)
def _written(level: str | None) -> str:
    return normalised_level(level or "").replace(" ", "_")
