"""Simulated leads at risk, what the policy would do about them, and what that would truly do to them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks import simulated
from benchmarks.harness import SEED
from examples import generate, truth
from ml.churn.risk import ChurnRisk, assess
from ml.experiments.assignment import assign
from ml.experiments.effects import Arm
from ml.features import extract
from ml.interventions.policy import ENTER, Need, propose
from ml.profiles import LeadProfile

SHARE = 0.10
#: what the type that is made to harm adds to the log-odds of keeping a lead
HARM = -1.1

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]
Tallies = dict[str, tuple[Arm, Arm]]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Leads at risk (rows) and their chances of being kept, by intervention type (columns)."""

    names: tuple[str, ...]
    #: places of a lead's types, best first; -1 after the last
    ranked: Counts
    without: Floats
    sent: Floats

    def types(self, leads: Counts, paused: Flags | None = None) -> Counts:
        """The best type of each lead that is not paused; -1 where none is left."""
        ranked = self.ranked[leads]
        free = ranked >= 0 if paused is None else (ranked >= 0) & ~paused[ranked]
        first = ranked[np.arange(len(ranked)), free.argmax(axis=1)]
        return np.where(free.any(axis=1), first, -1)

    def effects(self) -> Floats:
        """What the best type of each lead truly changes."""
        every = np.arange(len(self.ranked))
        found: Floats = (self.sent[every, self.ranked[:, 0]] - self.without).astype(np.float64)
        return found

    def effect(self, place: int | None = None) -> float:
        """What sending truly changes: over all leads, or over those whose best type has this place."""
        chosen = self.effects() if place is None else self.effects()[self.ranked[:, 0] == place]
        return float(chosen.mean())

    def truly(self, place: int) -> float:
        """What the type of this place truly changes, were it sent to all leads."""
        return float((self.sent[:, place] - self.without).mean())

    def used(self) -> dict[int, float]:
        """The share of leads for whom a type is the best, by its place; most used first."""
        return {int(place): count / len(self.ranked) for place, count in Counter(self.ranked[:, 0]).most_common()}

    def idle(self) -> World:
        """The same leads where sending changes nothing."""
        return replace(self, sent=np.repeat(self.without[:, None], len(self.names), axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Leads that were planned for, in order."""

    types: Counts
    held: Flags
    kept: Flags
    #: what sending truly changes for each
    effects: Floats

    def first(self, count: int) -> Planned:
        """Those that came first."""
        return Planned(
            types=self.types[:count], held=self.held[:count], kept=self.kept[:count], effects=self.effects[:count]
        )


def simulate(leads: int) -> World:
    """Those of so many simulated leads that are at risk; the type that comes second most often is made to harm."""
    known = generate.truth(SEED, leads)
    rows = {row["external_id"]: row for row in generate.rows(SEED, leads, simulated.MOMENT) if row["external_id"]}
    profiles = [simulated.profile_of(row) for row in rows.values()]
    found = {
        lead.lead_id: [one.intervention for one in propose(need(lead, risk))]
        for lead, risk in zip(profiles, assess(profiles, extract(profiles)), strict=True)
        if risk is not None and risk.probability >= ENTER
    }
    ranked = {lead_id: types for lead_id, types in found.items() if types}
    second = Counter(types[0] for types in ranked.values()).most_common(2)[1][0]
    return _world(ranked, known, {**truth.LIFTS, second: HARM})


def need(lead: LeadProfile, risk: ChurnRisk) -> Need:
    """What the policy is asked."""
    return Need(
        lead_id=lead.lead_id,
        as_of=risk.as_of,
        probability=risk.probability,
        level=risk.level,
        indicators={one.name: one.value for one in risk.indicators if one.known},
        neglected=risk.neglected,
        stage=lead.stage,
        timeline=lead.timeline,
        lead_type=lead.lead_type,
        days_silent=risk.days_silent,
        threshold=risk.threshold,
        assigned_to="somebody",
    )


def _world(ranked: dict[str, list[str]], known: dict[str, generate.Truth], lifts: dict[str, float]) -> World:
    names = tuple(sorted(lifts))
    chances = [
        [truth.respond(SEED, lead_id, known[lead_id], name, lifts=lifts) for name in names] for lead_id in ranked
    ]
    places = [[names.index(name) for name in types] + [-1] * (len(names) - len(types)) for types in ranked.values()]
    return World(
        names=names,
        ranked=np.array(places),
        without=np.array([each[0].without for each in chances]),
        sent=np.array([[one.sent for one in each] for each in chances]),
    )


class Brokerage:
    """One run: leads drawn with replacement, divided by our own assignment, kept as the hidden truth has it."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.experiment = f"bench-{number}/interventions/{SHARE:g}"
        self.random = np.random.default_rng((SEED, number))
        self.came = 0

    def plan(self, count: int, paused: Flags | None = None) -> Planned:
        """The next so many leads."""
        drawn = self.random.integers(len(self.world.ranked), size=count)
        luck = self.random.random(count)
        held = np.array([self._held(self.came + place) for place in range(count)], dtype=np.bool_)
        self.came += count
        types = self.world.types(drawn, paused)
        without, sent = self.world.without[drawn], self.world.sent[drawn, types]
        kept = luck < np.where(held, without, sent)
        some = types >= 0
        return Planned(types=types[some], held=held[some], kept=kept[some], effects=(sent - without)[some])

    def _held(self, lead: int) -> bool:
        return assign(f"lead-{lead}", experiment=self.experiment, share=SHARE).held_out


def counted(planned: Planned, names: int) -> Counts:
    """Leads and kept ones: type, arm (1 held out), both figures."""
    arms = 2 * planned.types + planned.held
    leads, kept = (np.bincount(arms, weights=weights, minlength=2 * names) for weights in (None, planned.kept))
    return np.stack([leads, kept], axis=-1).astype(np.int64).reshape(names, 2, 2)


def tallies(names: tuple[str, ...], counts: Counts) -> Tallies:
    """Each type's treated and held-out arm, of types that were planned at all."""
    return {
        name: (Arm(*sent), Arm(*held))
        for name, (sent, held) in zip(names, counts.tolist(), strict=True)
        if sent[0] + held[0]
    }


def evenly(world: World) -> World:
    """The same leads, each planned for by a type that is drawn evenly; one of them harms more than the others help."""
    drawn = np.random.default_rng(SEED).integers(len(world.names), size=len(world.ranked))
    return replace(world, ranked=drawn[:, None])
