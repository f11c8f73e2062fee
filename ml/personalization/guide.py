"""How to speak to a lead: what to do and what to avoid, by tone, stage and what one is about to do.

Written rules (`guide.toml`). Without a tone the stage alone guides; a tone only changes how something is said.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import cast

from domain.documents import TomlMapping
from domain.emotions import EMOTIONAL_STATES, EmotionalState
from domain.journey import JOURNEY_STAGES, JourneyStage
from domain.purposes import PURPOSES, Purpose
from ml.errors import CatalogueError
from ml.interventions.toml_table import TomlTable
from ml.language.patterns import read_data_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A sentence for the agent."""

    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """What to do and what to avoid, the most particular first."""

    do: tuple[Advice, ...] = ()
    avoid: tuple[Advice, ...] = ()

    def __add__(self, other: Guide) -> Guide:
        """Return both guides as one, this one first."""
        return Guide(do=self.do + other.do, avoid=self.avoid + other.avoid)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideRules:
    """The written rules."""

    version: str
    states: Mapping[EmotionalState, Guide]
    stages: Mapping[JourneyStage, Guide]
    purposes: Mapping[Purpose, Guide]
    unsure: Guide
    pairs: Mapping[tuple[EmotionalState, JourneyStage], Guide] = field(default_factory=dict)

    def sentences(self) -> Iterator[Advice]:
        """Return every sentence, for who checks them."""
        parts = (self.states.values(), self.stages.values(), self.purposes.values(), self.pairs.values(), [self.unsure])
        for guides in parts:
            for guide in guides:
                yield from (*guide.do, *guide.avoid)


def guide_for(
    stage: JourneyStage, state: EmotionalState | None = None, *, sure: bool = True, rules: GuideRules | None = None
) -> Guide:
    """Return how to speak to a lead of this stage whose messages have this tone; None: the tone is not known.

    >>> guide = guide_for("decision_making", "anxious", sure=False)
    >>> [advice.code for advice in guide.do]
    ['check_tone', 'ways_out', 'calm_facts', 'ask_worry', 'lay_out_steps', 'settle_doubts']
    >>> [advice.code for advice in guide_for("initial_interest").avoid]
    ['too_early']
    """
    rules = rules or shipped()
    if state is None:
        return rules.stages[stage]
    doubt = Guide() if sure else rules.unsure
    return doubt + rules.pairs.get((state, stage), Guide()) + rules.states[state] + rules.stages[stage]


@cache
def shipped() -> GuideRules:
    """Return the rules that ship; read once. Raises CatalogueError."""
    return load_rules(read_data_file(__package__, "guide.toml"))


def load_rules(text: str) -> GuideRules:
    """Return the rules of a data file. Raises CatalogueError, which names the place of a mistake."""
    try:
        root = TomlTable("", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"guide.toml cannot be read: {error}") from None
    root.exactly(("version", "state", "stage", "pair", "unsure", "purpose"))
    states, stages, purposes = root.table("state"), root.table("stage"), root.table("purpose")
    states.exactly(EMOTIONAL_STATES)
    stages.exactly(JOURNEY_STAGES)
    purposes.exactly(PURPOSES)
    return GuideRules(
        version=root.word("version"),
        states={state: _guide(states.table(state)) for state in EMOTIONAL_STATES},
        stages={stage: _guide(stages.table(stage)) for stage in JOURNEY_STAGES},
        purposes={purpose: _guide(purposes.table(purpose)) for purpose in PURPOSES},
        unsure=_guide(root.table("unsure")),
        pairs=dict(_pair(TomlTable(f"pair.{at}", cells)) for at, cells in enumerate(_pairs(root))),
    )


def _guide(table: TomlTable) -> Guide:
    table.only("do", "avoid")
    return Guide(do=_advice(table, "do"), avoid=_advice(table, "avoid"))


def _advice(table: TomlTable, key: str) -> tuple[Advice, ...]:
    if key not in table.cells:
        return ()
    lines = table.table(key)
    return tuple(Advice(code=code, text=lines.word(code)) for code in lines.cells)


def _pairs(root: TomlTable) -> list[TomlMapping]:
    given = root.cells["pair"]
    if not isinstance(given, list):
        root.wrong("pair", "must be a list of tables")
    return cast("list[TomlMapping]", given)


def _pair(table: TomlTable) -> tuple[tuple[EmotionalState, JourneyStage], Guide]:
    table.only("state", "stage", "do", "avoid")
    state, stage = table.word("state", EMOTIONAL_STATES), table.word("stage", JOURNEY_STAGES)
    key = (cast("EmotionalState", state), cast("JourneyStage", stage))
    return key, Guide(do=_advice(table, "do"), avoid=_advice(table, "avoid"))
