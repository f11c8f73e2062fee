"""No text makes a pattern of ours slow: every one is linear in what it is given, or what it is given is bounded."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from re import _constants, _parser
from types import FunctionType, ModuleType
from typing import Any

import pytest

from ml.language import refusals, text
from tests.support import pattern_steps
from tests.support.pattern_steps import Machine, TooLong

pytestmark = pytest.mark.slow

PACKAGES = ("workers", "tasks", "db", "ml")
#: patterns in tuples and records, and how they are used
USED = {
    "tasks.intake.values.dates._DATE_FORMS": {"fullmatch"},
    "tasks.intake.csv.columns.lead_schema.PATTERNS": {"fullmatch"},
}
#: patterns that are not linear, and the most characters they are given
BOUNDED = {
    "ml.language.text._INLINE": text.LONGEST + text._LONGEST_LINE,
    "ml.language.words._ADDRESS": text.LONGEST,
}
#: long lists of words whose repeats all end: from one place they look at so many letters and no more
ENDING, WIDEST = "ml.language.facts.", 400
#: steps over a text of a few hundred letters that no linear pattern takes
MOST = 200_000
#: letters of which each class of a pattern has one
LETTERS = " aAbzZoxE019.,;:!-_+/\\'\"()[]{}<>@#$%&*|=?~^`\n\t\r\u00a0\u2019\u2010\u00e9"
ALL, WHOLE = {"search", "sub", "subn", "split", "findall", "finditer"}, {"match", "fullmatch"}
#: a text no pattern of ours matches
NEVER = "\x01"
#: ends that a repeat of most letters does not take either
ENDS = (NEVER, " @", "\n<")
ATTACKS = 12


@dataclass(frozen=True)
class Found:
    """A pattern, where it stands and how it is used."""

    where: str
    pattern: re.Pattern[Any]
    used: frozenset[str]


def modules(package: str) -> Iterator[ModuleType]:
    root = importlib.import_module(package)
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        yield importlib.import_module(found.name)


def inside(value: object, seen: set[int]) -> Iterator[re.Pattern[Any]]:
    """Give the patterns of a value: in a tuple, a dictionary, a record, an object of ours."""
    if isinstance(value, re.Pattern):
        yield value
        return
    if id(value) in seen or isinstance(value, str | bytes | int | float | type | ModuleType | FunctionType):
        return
    seen.add(id(value))
    if isinstance(value, Mapping):
        parts = [*value.values(), *value.keys()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = list(value)
    elif is_dataclass(value) or type(value).__module__.split(".")[0] in PACKAGES:
        slots = [name for each in type(value).__mro__ for name in getattr(each, "__slots__", ())]
        parts = [getattr(value, name) for name in [*getattr(value, "__dict__", {}), *slots] if hasattr(value, name)]
    else:
        return
    for part in parts:
        yield from inside(part, seen)


@cache
def found_in(package: str) -> tuple[Found, ...]:
    found: dict[re.Pattern[Any], Found] = {}
    for module in modules(package):
        source = inspect.getsource(module)
        for name, value in vars(module).items():
            where = f"{module.__name__}.{name}"
            used = USED.get(where) or set(re.findall(rf"\b{re.escape(name)}\.(\w+)\(", source)) & (ALL | WHOLE)
            for pattern in inside(value, set()) if not name.startswith("__") else ():
                if pattern not in found or where in USED or (used and not found[pattern].used):
                    found[pattern] = Found(where, pattern, frozenset(used))
    return tuple(found.values())


def fitting(op: Any, told: Any, flags: int, parsed: Any) -> list[str]:
    """Give letters that fit one place of a pattern."""
    fits, raw = pattern_steps.single(op, told, flags, parsed), isinstance(parsed.state.str, bytes)
    more = [
        chr(each[1] if isinstance(each[1], int) else each[1][0])
        for each in (told if op is _constants.IN else [])
        if each[0] in (_constants.LITERAL, _constants.RANGE)
    ]
    more += [chr(told)] if op is _constants.LITERAL else []
    return [letter for letter in [*LETTERS, *more] if fits(letter.encode("latin-1", "replace") if raw else letter)]


class _Reached(Exception):
    """A repeat was reached; holds the text before it."""


def sample(parsed: Any, flags: int, chance: random.Random, until: Any = None, before: str = "") -> str:
    """Give a text that the pattern nearly matches, or the one before a repeat."""
    text = ""
    for op, told in parsed:
        if told is until and op in pattern_steps.REPEATS:
            raise _Reached(before + text)
        if op in pattern_steps.SINGLE:
            text += chance.choice(fitting(op, told, flags, parsed) or [NEVER])
        elif op is _constants.SUBPATTERN:
            text += sample(told[3], (flags | told[1]) & ~told[2], chance, until, before + text)
        elif op is _constants.BRANCH:
            text += sample(chance.choice(told[1]), flags, chance, until, before + text)
        elif op is _constants.ATOMIC_GROUP:
            text += sample(told, flags, chance, until, before + text)
        elif op in pattern_steps.REPEATS:
            for _ in range(min(told[0] + chance.randint(0, 2), told[1], 12)):
                text += sample(told[2], flags, chance, until, before + text)
    return text


def attacks(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    """Give texts as beginning, what is repeated, and an end: of the pattern's own letters and of its near matches."""
    chance = random.Random(pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1"))
    alphabet = {" ": None, "\n": None, "a": None, "1": None}
    for op, told, flags, parsed in pattern_steps.parts(pattern):
        if op in pattern_steps.SINGLE:
            alphabet |= dict.fromkeys(fitting(op, told, flags, parsed)[:2])
    letters = list(alphabet)[:24]
    for letter in letters:
        yield "", letter, NEVER
        yield "", letter, ""
    parsed = _parser.parse(pattern.pattern, pattern.flags)
    yield from at_repeats(parsed, pattern.flags, letters, chance)
    for _ in range(ATTACKS):
        near = sample(parsed, pattern.flags, chance)[:60] or "a"
        first = chance.randint(0, len(near))
        last = chance.randint(first, len(near))
        yield near[:first], chance.choice([*letters, " "]), chance.choice([NEVER, near[first:] + NEVER, near])
        yield near[:first], near[first:last] or chance.choice(letters), chance.choice([NEVER, near[last:] + NEVER])
        yield "", near + chance.choice(["", NEVER, " "]), NEVER
        yield near[:first], chance.choice(letters) + chance.choice(letters), NEVER


def at_repeats(parsed: Any, flags: int, letters: list[str], chance: random.Random) -> Iterator[tuple[str, str, str]]:
    """Give for each long repeat what leads to it, each letter it takes again and again, and ends that nothing takes."""
    for op, told, inner_flags, _ in pattern_steps.inside(parsed, flags):
        if op not in pattern_steps.REPEATS or told[1] < 20:
            continue
        begin = ""
        for _ in range(8):
            try:
                sample(parsed, flags, chance, until=told)
            except _Reached as reached:
                begin = str(reached)
                break
        pumps = dict.fromkeys(sample(told[2], inner_flags, chance) or "a" for _ in range(3))
        if len(told[2]) == 1 and told[2][0][0] in pattern_steps.SINGLE:
            fits = set(fitting(*told[2][0], inner_flags, told[2]))
            pumps |= dict.fromkeys(letter for letter in letters if letter in fits)
        if begin:
            yield "", begin, NEVER
        for pump in pumps:
            for end in ENDS:
                yield begin, pump, end


def cost(machine: Machine, way: str, attack: tuple[str, str, str], letters: int, limit: int = 10_000_000) -> int:
    """Count the steps over an attack of so many letters, up to a limit."""
    begin, pump, end = attack
    text = begin + pump * max(1, (letters - len(begin) - len(end)) // len(pump)) + end
    machine.limit = limit
    try:
        raw = isinstance(machine.pattern.pattern, bytes)
        (machine.all if way == "all" else machine.whole)(text.encode("latin-1", "replace") if raw else text)
    except TooLong:
        return limit
    return machine.steps


def ways(used: frozenset[str]) -> list[str]:
    return [way for way, names in (("all", ALL), ("whole", WHOLE)) if not used or used & names]


def grows(machine: Machine, way: str, attack: tuple[str, str, str], letters: int) -> bool:
    """Tell whether four times the text takes more than six times the steps, or a text of this length far too many."""
    before = cost(machine, way, attack, letters, limit=MOST) + 50
    return before > MOST or cost(machine, way, attack, 4 * letters, limit=6 * before) >= 6 * before


def bounds(pattern: re.Pattern[Any]) -> list[int]:
    """Give how often a pattern repeats something and no more."""
    most = (told[1] for op, told, _, _ in pattern_steps.parts(pattern) if op in pattern_steps.REPEATS)
    return [each for each in most if each != _constants.MAXREPEAT]


def ends(found: Found) -> bool:
    """Tell whether a pattern of facts looks at few letters from one place: a machine would count for minutes."""
    widest = _parser.parse(found.pattern.pattern, found.pattern.flags).getwidth()[1]
    return found.where.startswith(ENDING) and widest <= WIDEST


def slow_at(found: Found) -> tuple[str, str, str] | None:
    """Give an attack under which the steps grow faster than the text, beyond what its bounded repeats explain."""
    machine, bounded = Machine(found.pattern), bounds(found.pattern)
    beyond = max(120, min(2 * max(bounded, default=1), 300))
    for way in ways(found.used):
        for attack in attacks(found.pattern):
            if grows(machine, way, attack, 20) and grows(machine, way, attack, beyond):
                return attack
    return None


@pytest.mark.parametrize("package", PACKAGES)
def test_every_pattern_is_linear_or_bounded(package):
    slow = {
        found.where: slow_at(found) for found in found_in(package) if found.where not in BOUNDED and not ends(found)
    }
    assert {where: attack for where, attack in slow.items() if attack} == {}


def test_what_is_bounded_is_never_given_more():
    assert BOUNDED.keys() <= {found.where for found in found_in("ml")}
    assert max(BOUNDED.values()) <= 5_000
    # by the one function that gives them a text, whatever it is made of
    for pump in ("x", "on 1:01 ", "a@b.c ", "<p>x", "on 1:01\n"):
        assert len(text.own_words(pump * 20_000)) <= text.LONGEST


def test_the_patterns_of_facts_look_at_few_letters_from_one_place():
    of_facts = [found for found in found_in("ml") if found.where.startswith(ENDING)]
    assert len(of_facts) > 80
    endless = {found.where.removeprefix(ENDING) for found in of_facts if not ends(found)}
    assert endless <= {"folding._WORD", "folding._SENTENCE_END", "question._LETTERS"}


def test_the_patterns_of_refusals_repeat_nothing_without_end():
    catalogue = refusals._catalogue()
    written = [one.source for finder in catalogue.finders.values() for _, one in finder.patterns]
    written += [pattern.pattern for pattern in inside(catalogue, set())]
    assert len(written) > 100
    for one in written:
        repeats = [
            bounds for op, bounds, _, _ in pattern_steps.inside(_parser.parse(one), 0) if op in pattern_steps.REPEATS
        ]
        assert all(most <= 60 for _, most, _ in repeats)


@pytest.mark.parametrize(
    ("pattern", "used"),
    [
        (r"\s*(?:[;,|/\n&]|\bor\b|\band\b)\s*", "split"),
        (r"\s*(?:extension|ext|x|#)\.?\s*\d{1,6}$", "sub"),
        (r"\s*\([a-z ]+\)$|\s+(?:cell|mobile|home|work)$", "sub"),
        (r"\d{4}(?:\s*,?\s+(?:at\s+)?\d)?", "fullmatch"),
        (r"[^@\s]+@[^@\s]+\.[^@\s]+", "fullmatch"),
        (r"(?:(\d+)\s*h)?\s*(?:(\d+)\s*m)?\s*", "fullmatch"),
        (r"(?:a+)+b", "match"),
        (r'"(?:[^"\\]|\\.)*+"', "sub"),
        (r"<!--.*?-->", "sub"),
    ],
)
def test_a_pattern_that_is_not_linear_is_found(pattern, used):
    assert slow_at(Found("here", re.compile(pattern, re.IGNORECASE), frozenset({used})))


@pytest.mark.parametrize(
    ("pattern", "used"),
    [(r"(?<!\d)\d++x", "sub"), (r"[a-z]{1,20}@", "search"), (r"(?:a|b)*c", "fullmatch"), (r"<[^<>]*>", "sub")],
)
def test_a_linear_pattern_passes(pattern, used):
    assert slow_at(Found("here", re.compile(pattern), frozenset({used}))) is None


PATTERNS = (
    *(r"a*b", r"(a|ab)(c|bcd)*", r"(\w)\1+", r"(?<=a)b|^c$", r"x{2,4}?y", r"(?:a*)*b", r"(?P<q>')?a(?(q)')", r"a++b"),
    *(r"(?>ab|a)c", r"(?i:AB)c|d(?!e)", r"[^\W_]+", r"(?:a|b|)*c", r"\d{1,3}(?:,\d{3})*$", r"\bor\b|\s*[;,]\s*"),
)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_machine_that_counts_finds_what_re_finds(pattern):
    chance, compiled = random.Random(pattern), re.compile(pattern)
    machine = Machine(compiled)
    for _ in range(300):
        letters = "".join(chance.choice("aabbcdexy'1, or;\n") for _ in range(chance.randint(0, 9)))
        assert machine.all(letters) == [match.span() for match in compiled.finditer(letters)]
        assert machine.whole(letters) == bool(compiled.fullmatch(letters))
