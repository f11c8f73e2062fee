"""Leads whose true journey stage is known day by day, because it is what makes them act.

A hidden stage moves by chance, up or down, and sets how often a lead does each thing, what it writes and what its agent
notes. The rule under test knows none of these rates: it sees counts, recency and facts, as of a real brokerage. So that
the simulation is no mirror of the rule, leads differ in how active they are, some sites are not tracked, some agents
keep no stage, half keep it late, facts are overlooked or read where there are none, and silence comes by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

from domain.facts import FactKind
from domain.journey import JOURNEY_STAGES
from examples.generate import poisson
from ml.profiles import FactSignal, Interaction, LeadProfile, MessageSignal

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 150
#: mean days from a stage to the next one, and back to the one before; None: never
UP = (28.0, 30.0, 24.0, 16.0, None)
BACK = (None, 110.0, 80.0, 60.0, 70.0)
#: share of leads that begin in each stage
BEGIN = (0.6, 0.25, 0.1, 0.05, 0.0)
#: kind, direction -> times a day in each stage, of a lead of middling activity
RATES: Mapping[tuple[str, str], tuple[float, ...]] = {
    ("listing_view", "inbound"): (0.20, 0.90, 0.60, 0.30, 0.12),
    ("listing_saved", "inbound"): (0.01, 0.12, 0.10, 0.04, 0.01),
    ("search", "inbound"): (0.10, 0.35, 0.15, 0.06, 0.03),
    ("email_clicked", "inbound"): (0.02, 0.06, 0.06, 0.04, 0.03),
    ("sms", "inbound"): (0.03, 0.07, 0.13, 0.22, 0.28),
    ("call", "inbound"): (0.005, 0.02, 0.05, 0.10, 0.14),
    ("showing", "inbound"): (0.0, 0.02, 0.12, 0.10, 0.03),
    ("no_show", "inbound"): (0.0, 0.004, 0.012, 0.006, 0.0),
    ("offer", "inbound"): (0.0, 0.0, 0.004, 0.05, 0.07),
    ("sms", "outbound"): (0.12, 0.12, 0.15, 0.20, 0.22),
}
#: kinds that only a tracked site tells of
TRACKED = frozenset({"listing_view", "listing_saved", "search"})
#: fact -> the chance that an inbound message holds it, in each stage
FACTS: Mapping[FactKind, tuple[float, ...]] = {
    "appointment_wish": (0.02, 0.08, 0.20, 0.15, 0.08),
    "visit_time": (0.01, 0.05, 0.15, 0.12, 0.06),
    "question": (0.30, 0.35, 0.40, 0.40, 0.30),
    "budget": (0.05, 0.12, 0.10, 0.04, 0.02),
    "preapproval": (0.0, 0.02, 0.06, 0.10, 0.05),
}
#: chances that a fact is overlooked, and that one is read where there is none
OVERLOOKED, FALSE = 0.1, 0.01
#: the stage of the CRM that an agent notes for a true one
NOTED = ("contacted", "engaged", "showing", "offer", "under_contract")
#: chance of a pre-approval in the record, by the furthest stage so far
APPROVED = (0.03, 0.12, 0.35, 0.65, 0.8)
TIMELINES = ("12+", "6-12", "3-6", "0-3", "0-3")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedLead:
    """A lead with all that ever happens to it, and its true stage on each day."""

    profile: LeadProfile
    #: place of the true stage on each day
    stages: tuple[int, ...]
    #: day -> the stage that its agent notes; empty where the agent keeps none
    noted: Mapping[int, str]
    #: day on which a pre-approval comes into the record; None: never
    approved: int | None

    def at(self, day: int) -> LeadProfile:
        """The lead as known at the end of a day."""
        stage = next((self.noted[noted] for noted in sorted(self.noted, reverse=True) if noted <= day), None)
        approved = self.approved is not None and self.approved <= day
        return replace(
            self.profile,
            as_of=START + timedelta(days=day + 1),
            stage=stage,
            preapproval="preapproved" if approved else None,
        )


def leads(seed: int, count: int) -> Iterator[SimulatedLead]:
    """`count` leads; the same seed gives the same ones."""
    for index in range(count):
        yield _lead(Random(f"journey:{seed}:{index}"), index)


def _lead(random: Random, index: int) -> SimulatedLead:
    stages = _stages(random)
    activity = math.exp(random.gauss(0.0, 0.6))
    tracked = random.random() < 0.8
    away = _away(random)
    events = [
        event
        for day, stage in enumerate(stages)
        if day not in away
        for event in _events(random, day, stage, activity, tracked=tracked)
    ]
    said = [
        _message(random, index, at, stage)
        for at, kind, direction, stage in events
        if (kind, direction) == ("sms", "inbound")
    ]
    profile = LeadProfile(
        lead_id=str(index),
        as_of=START,
        created_at=START,
        lead_type="buyer",
        timeline=_timeline(random, stages[0]),
        numbers={"budget_max": 400_000.0} if random.random() < 0.5 else {},
        interactions=tuple(
            Interaction(kind=kind, occurred_at=at, recorded_at=at, direction=direction)
            for at, kind, direction, _ in events
        ),
        messages=tuple(said),
    )
    return SimulatedLead(
        profile=profile, stages=stages, noted=_noted(random, stages), approved=_approved(random, stages)
    )


def _stages(random: Random) -> tuple[int, ...]:
    """The hidden stage of each day: it moves up or back by one, at times that nobody knows before."""
    place = random.choices(range(len(JOURNEY_STAGES)), BEGIN)[0]
    stages = []
    for _ in range(DAYS):
        up, back = UP[place], BACK[place]
        if up is not None and random.random() < 1 / up:
            place += 1
        elif back is not None and random.random() < 1 / back:
            place -= 1
        stages.append(place)
    return tuple(stages)


def _away(random: Random) -> frozenset[int]:
    """Days on which the lead does nothing, though its stage is what it is: a holiday, an illness."""
    if random.random() < 0.6:
        return frozenset()
    begin = random.randrange(DAYS)
    return frozenset(range(begin, begin + random.randrange(7, 21)))


def _events(
    random: Random, day: int, stage: int, activity: float, *, tracked: bool
) -> Iterator[tuple[datetime, str, str, int]]:
    for (kind, direction), rates in RATES.items():
        mean = rates[stage] * (activity if direction == "inbound" else 1.0)
        if mean == 0 or (kind in TRACKED and not tracked):
            continue
        for _ in range(poisson(random, mean)):
            yield START + timedelta(days=day, minutes=random.randrange(8 * 60, 22 * 60)), kind, direction, stage


def _message(random: Random, lead: int, at: datetime, stage: int) -> MessageSignal:
    """What a reader of messages would make of one: a tenth of the facts is overlooked, a few are not there."""
    kinds = [
        kind
        for kind, chances in FACTS.items()
        if random.random() < (chances[stage] * (1 - OVERLOOKED) + FALSE * (1 - chances[stage]))
    ]
    values: dict[str, str | tuple[None, float]] = {"budget": (None, 400_000.0), "preapproval": "preapproved"}
    facts = [FactSignal(kind=kind, value=values.get(kind), bound=None, confidence=0.9) for kind in kinds]
    return MessageSignal(
        event_id=f"{lead}-{at:%j%H%M}", occurred_at=at, recorded_at=at, channel="sms", facts=tuple(facts)
    )


def _timeline(random: Random, stage: int) -> str | None:
    if random.random() < 0.4:
        return None
    return TIMELINES[min(max(stage + random.choice((-1, 0, 0, 1, 2)), 0), len(TIMELINES) - 1)]


def _noted(random: Random, stages: tuple[int, ...]) -> dict[int, str]:
    """The stages in the CRM: half of the agents keep them, and late; a stage never moves back there."""
    if random.random() < 0.5:
        return {}
    noted, highest = {0: "new"}, -1
    for day, stage in enumerate(stages):
        if stage > highest:
            highest = stage
            if random.random() < 0.8:
                noted[day + round(random.expovariate(1 / 6))] = NOTED[stage]
    return noted


def _approved(random: Random, stages: tuple[int, ...]) -> int | None:
    chance = random.random()
    return next((day for day, stage in enumerate(stages) if APPROVED[max(stages[: day + 1])] > chance), None)
