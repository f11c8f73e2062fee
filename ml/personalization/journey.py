"""How far a lead has come on its way to a decision: five stages with probabilities, by written rules over its features.

What a lead did, wants and told gives points (`journey.toml`), of each kind up to a most; their sum is its readiness,
and four cuts part the stages. Probabilities follow the ordinal logistic model with written cuts:
P(stage >= k) = 1 / (1 + exp((cut_k - readiness) / width)) (McCullagh, 1980). Points fade with silence. A stage is left
only when the readiness lies beyond the cut by a margin (hysteresis), so that a wavering lead keeps its stage.

No showing, offer or pre-approval lowers the readiness: a feature that one of them can lower is not among the terms.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast, get_args

from domain.documents import TomlMapping
from domain.journey import JOURNEY_STAGES, JourneyStage
from ml.errors import CatalogueError
from ml.explain import ago, describe
from ml.features.contextual import normalised_level
from ml.interventions.toml_table import TomlTable
from ml.language.patterns import read_data_file
from ml.profiles import Row, Value

Move = Literal["first", "same", "up", "down"]
TermKind = Literal["count", "known", "level"]
Ageing = Literal["fading", "lasting", "no"]

#: pieces of evidence for a stage that are kept, and the points below which one says nothing
MOST_EVIDENCE, LEAST_POINTS = 6, 0.05
#: code of what silence takes
SILENCE = "silence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One thing that gives points."""

    group: str
    features: tuple[str, ...]
    kind: TermKind
    points: float
    #: count from which more adds nothing
    most: float
    #: level -> points
    levels: Mapping[str, float]
    ages: Ageing


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyRules:
    """The written rules."""

    version: str
    #: readiness from which each stage but the first begins, ascending
    cuts: tuple[float, ...]
    width: float
    up: float
    down: float
    #: days of silence that change nothing
    grace: float
    #: ageing -> days in which points halve
    half_lives: Mapping[str, float]
    least: float
    #: group -> the most points of all its terms together
    groups: Mapping[str, float]
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEvidence:
    """Something that speaks for a later stage, or with a negative weight against it."""

    #: name of a feature, or `silence`
    code: str
    #: plain words, free of personal data
    text: str
    #: in points of readiness
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """Where a lead stands."""

    stage: JourneyStage
    #: of the stage, 0 to 1
    probability: float
    #: stage -> probability; adds up to 1
    probabilities: Mapping[JourneyStage, float]
    #: mean place of the stage, 0 (first) to 4 (last)
    expected: float
    before: JourneyStage | None
    moved: Move
    #: most weight first
    evidence: tuple[StageEvidence, ...]


def read_journey(row: Row, before: JourneyStage | None = None, *, rules: JourneyRules | None = None) -> Journey:
    """Return where a lead stands, by its features and the stage that it was in before.

    >>> browsing = {"listing_views": 30.0, "recent_views": 6.0, "silence_days": 2.0}
    >>> first = read_journey(browsing)
    >>> first.stage, first.moved
    ('initial_interest', 'first')
    >>> seen = {**browsing, "showings": 3.0, "recent_showings": 2.5, "preapproval": "preapproved"}
    >>> later = read_journey(seen, "initial_interest")
    >>> later.stage, later.moved, later.evidence[0].text
    ('serious_consideration', 'up', 'pre-approval: preapproved')
    """
    rules = rules or shipped()
    weights = _weights(row, rules)
    readiness = math.fsum(weights.values())
    at_least = [1.0, *(_logistic((readiness - cut) / rules.width) for cut in rules.cuts), 0.0]
    probabilities = {stage: at_least[place] - at_least[place + 1] for place, stage in enumerate(JOURNEY_STAGES)}
    stage = JOURNEY_STAGES[_place(readiness, before, rules)]
    return Journey(
        stage=stage,
        probability=probabilities[stage],
        probabilities=probabilities,
        expected=math.fsum(at_least[1:-1]),
        before=before,
        moved=_moved(stage, before),
        evidence=_evidence(weights, row),
    )


def freshness(row: Row, rules: JourneyRules, ages: Ageing) -> float:
    """Return the share of points, `least` to 1, that silence leaves.

    A lead that was never heard of is as silent as it is old; where not even that is known, only `least` counts: so a
    sign of life never lowers anything.
    """
    if ages == "no":
        return 1.0
    days = [value for name in ("silence_days", "age_days") if isinstance(value := row.get(name), float)]
    if not days:
        return rules.least
    silent = max(0.0, min(days) - rules.grace)
    return rules.least + (1 - rules.least) * 2 ** (-silent / rules.half_lives[ages])


def _place(readiness: float, before: JourneyStage | None, rules: JourneyRules) -> int:
    """Return the place of the stage: the one before, unless readiness lies beyond its cut by the margin."""
    if before is None:
        return _passed(readiness, rules)
    return max(
        min(JOURNEY_STAGES.index(before), _passed(readiness + rules.down, rules)), _passed(readiness - rules.up, rules)
    )


def _passed(readiness: float, rules: JourneyRules) -> int:
    return sum(readiness >= cut for cut in rules.cuts)


def _moved(stage: JourneyStage, before: JourneyStage | None) -> Move:
    if before is None:
        return "first"
    moved = JOURNEY_STAGES.index(stage) - JOURNEY_STAGES.index(before)
    return "up" if moved > 0 else "down" if moved < 0 else "same"


def _weights(row: Row, rules: JourneyRules) -> dict[str, float]:
    """Return the points of the feature that counts of each term, and as `silence` what silence takes from all of them.

    Where a group reaches its most, all of its points shrink alike.
    """
    left = {ages: freshness(row, rules, ages) for ages in get_args(Ageing)}
    found = [(term, name, points) for term in rules.terms for name, points in [_best(row, term)] if points]
    reached = dict.fromkeys(rules.groups, 0.0)
    for term, _, points in found:
        reached[term.group] += points * left[term.ages]
    shrunk = {
        group: min(1.0, most / reached[group]) if reached[group] > 0 else 1.0 for group, most in rules.groups.items()
    }
    weights = {name: points * shrunk[term.group] for term, name, points in found}
    lost = math.fsum(points * shrunk[term.group] * (1 - left[term.ages]) for term, _, points in found)
    return weights | ({SILENCE: -lost} if lost > 0 else {})


def _best(row: Row, term: Term) -> tuple[str, float]:
    """Return the feature of a term that gives most points, and the points."""
    return max(((name, _points(row.get(name), term)) for name in term.features), key=lambda pair: abs(pair[1]))


def _points(value: Value | None, term: Term) -> float:
    if value is None:
        return 0.0
    match term.kind:
        case "known":
            return term.points
        case "level":
            return term.levels.get(normalised_level(value), 0.0) if isinstance(value, str) else 0.0
        case "count":
            if not isinstance(value, float):
                return 0.0
            return term.points * math.log1p(min(max(value, 0.0), term.most)) / math.log1p(term.most)


def _evidence(weights: Mapping[str, float], row: Row) -> tuple[StageEvidence, ...]:
    """Return what speaks for the stage most, and all that speaks against it: a fall is never without its reason."""
    ordered = sorted(weights.items(), key=lambda item: (-abs(item[1]), item[0]))
    pro = [name for name, weight in ordered if weight >= LEAST_POINTS][:MOST_EVIDENCE]
    return tuple(
        StageEvidence(code=name, text=_text(name, row), weight=weight)
        for name, weight in ordered
        if weight < 0 or name in pro
    )


def _text(name: str, row: Row) -> str:
    if name != SILENCE:
        return describe(name, row[name])
    silence = row.get("silence_days")
    return f"last sign of life {ago(silence)}" if isinstance(silence, float) else "no sign of life is known"


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))


@cache
def shipped() -> JourneyRules:
    """Return the rules that ship; read once. Raises CatalogueError."""
    return load_rules(read_data_file(__package__, "journey.toml"))


def load_rules(text: str) -> JourneyRules:
    """Return the rules of a data file. Raises CatalogueError, which names the place of a mistake."""
    try:
        root = TomlTable("", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"journey.toml cannot be read: {error}") from None
    root.exactly(("version", "cuts", "rules", "groups", "term"))
    cuts, numbers, groups = root.table("cuts"), root.table("rules"), root.table("groups")
    cuts.exactly(JOURNEY_STAGES[1:])
    numbers.exactly(("width", "up", "down", "grace", "fading", "lasting", "least"))
    places = tuple(cuts.number(stage) for stage in JOURNEY_STAGES[1:])
    if list(places) != sorted(set(places)):
        root.wrong("cuts", "must rise from stage to stage")
    return JourneyRules(
        version=root.word("version"),
        cuts=places,
        width=numbers.number("width", low=0.01),
        up=numbers.number("up"),
        down=numbers.number("down"),
        grace=numbers.number("grace"),
        half_lives={ages: numbers.number(ages, low=1) for ages in ("fading", "lasting")},
        least=numbers.number("least", high=1.0),
        groups={name: groups.number(name, low=0.1) for name in groups.cells},
        terms=tuple(
            _term(TomlTable(f"term.{place}", cells), tuple(groups.cells)) for place, cells in enumerate(_terms(root))
        ),
    )


def _terms(root: TomlTable) -> list[TomlMapping]:
    given = root.cells["term"]
    if not isinstance(given, list) or not given:
        root.wrong("term", "holds no term")
    return cast("list[TomlMapping]", given)


def _term(table: TomlTable, groups: Sequence[str]) -> Term:
    kind = cast("TermKind", table.word("kind", get_args(TermKind)))
    table.exactly({"group", "features", "kind", "ages"} | _NEEDED[kind])
    return Term(
        group=table.word("group", groups),
        features=table.words("features"),
        kind=kind,
        points=table.number("points", low=-10.0, high=10.0) if "points" in table.cells else 0.0,
        most=table.number("most", low=1) if kind == "count" else 1.0,
        levels={name: table.table("levels").number(name, high=10.0) for name in table.cells["levels"]}
        if kind == "level"
        else {},
        ages=cast("Ageing", table.word("ages", get_args(Ageing))),
    )


#: what else a term of a kind says
_NEEDED: Mapping[TermKind, frozenset[str]] = {
    "count": frozenset({"points", "most"}),
    "known": frozenset({"points"}),
    "level": frozenset({"levels"}),
}
