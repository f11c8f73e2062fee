"""How many steps a regular expression takes over a text: counted, not timed, so that a loaded machine changes nothing.

Patterns of `re` are run again as `re` runs them, by trying and going back, on a small machine that counts. What it
finds is what `re` finds; its steps grow with the text as those of `re` do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]
from typing import Any

Test = Callable[[Any], bool]
Code = list[tuple[Any, ...]]

SINGLE = {
    _constants.LITERAL,
    _constants.NOT_LITERAL,
    _constants.ANY,
    _constants.IN,
    _constants.RANGE,
    _constants.CATEGORY,
}
_GREEDY = {_constants.MAX_REPEAT, _constants.POSSESSIVE_REPEAT}
REPEATS = {*_GREEDY, _constants.MIN_REPEAT}


class TooLong(Exception):
    """More steps than were allowed."""


@dataclass(slots=True)
class Machine:
    """One pattern, ready to be run."""

    pattern: re.Pattern[Any]
    #: steps of the last run
    steps: int = 0
    limit: int = 10_000_000
    _code: Code = field(default_factory=list)

    def __post_init__(self) -> None:
        self._code = _compiled(_parser.parse(self.pattern.pattern, self.pattern.flags), self.pattern.flags)
        self._code.append(("end",))

    def all(self, text: Any) -> list[tuple[int, int]]:
        """Give the spans that `finditer` finds, the search after each as well."""
        self.steps = 0
        found, start, after = [], 0, -1
        while start <= len(text):
            end = self._run(self._code, text, start, {}, must_move=start == after)
            if end is None or (end == start == after):
                start += 1
                continue
            found.append((start, end))
            after = end
            start = end
        return found

    def whole(self, text: Any) -> bool:
        """Tell whether `fullmatch` matches."""
        self.steps = 0
        code = [*self._code[:-1], ("at", _constants.AT_END_STRING, 0), ("end",)]
        return self._run(code, text, 0, {}) is not None

    def _run(
        self, code: Code, text: Any, at: int, groups: dict[int, tuple[int, int]], *, must_move: bool = False
    ) -> int | None:
        begin = at
        later: list[tuple[int, int, dict[int, tuple[int, int]]]] = []
        place = 0
        while True:
            self.steps += 1
            if self.steps > self.limit:
                raise TooLong
            kind, *told = code[place]
            going: bool = True
            if kind == "one":
                going = at < len(text) and told[0](text[at : at + 1])
                at += 1
            elif kind == "split":
                later.append((told[1], at, groups))
                place = told[0]
                continue
            elif kind == "jump":
                place = told[0]
                continue
            elif kind == "mark":
                groups = {**groups, told[0]: (at, at)}
            elif kind == "moved":
                going = groups[told[0]][0] != at
            elif kind == "open":
                groups = {**groups, -told[0]: (at, at)}
            elif kind == "close":
                groups = {**groups, told[0]: (groups[-told[0]][0], at)}
            elif kind == "at":
                going = _stands(told[0], told[1], text, at)
            elif kind == "same":
                start, end = groups.get(told[0], (0, -1))
                said = text[start : max(start, end)]
                going = end >= start and text[at : at + len(said)] == said
                at += len(said)
            elif kind == "has":
                place = told[1] if told[0] in groups else told[2]
                continue
            elif kind == "look":
                going = self._looks(told, text, at, groups)
            elif kind == "atom":
                end_of_atom = self._run(told[0], text, at, groups)
                going = end_of_atom is not None
                at = end_of_atom if end_of_atom is not None else at
            elif kind == "end":
                if not (must_move and at == begin):
                    return at
                going = False
            if going:
                place += 1
            elif later:
                place, at, groups = later.pop()
            else:
                return None

    def _looks(self, told: Sequence[Any], text: Any, at: int, groups: dict[int, tuple[int, int]]) -> bool:
        code, back, wanted = told
        start = at - back
        return (start >= 0 and self._run(code, text, start, groups) is not None) == wanted


def _stands(where: Any, flags: int, text: Any, at: int) -> bool:
    sign = {
        _constants.AT_BEGINNING: "^",
        _constants.AT_BEGINNING_STRING: r"\A",
        _constants.AT_END: "$",
        _constants.AT_END_STRING: r"\Z",
        _constants.AT_BOUNDARY: r"\b",
        _constants.AT_NON_BOUNDARY: r"\B",
    }[where]
    return _anchor(sign, flags, isinstance(text, bytes)).match(text, at) is not None


@lru_cache
def _anchor(sign: str, flags: int, raw: bool) -> re.Pattern[Any]:
    kept = flags & ~re.VERBOSE & ~re.DEBUG
    return re.compile(sign.encode(), kept) if raw else re.compile(sign, kept)


def _compiled(parsed: Any, flags: int) -> Code:
    code: Code = []
    for op, told in parsed:
        _add(code, op, told, flags, parsed)
    return code


def _shifted(code: Code, by: int) -> Code:
    jumps = {"split": 2, "jump": 1}
    moved: Code = []
    for kind, *told in code:
        if kind in jumps:
            moved.append((kind, *(place + by for place in told)))
        elif kind == "has":
            moved.append((kind, told[0], *(place + by for place in told[1:])))
        else:
            moved.append((kind, *told))
    return moved


def _add(code: Code, op: Any, told: Any, flags: int, parsed: Any) -> None:
    def append(part: Code) -> None:
        code.extend(_shifted(part, len(code)))

    if op in SINGLE:
        code.append(("one", single(op, told, flags, parsed)))
    elif op is _constants.SUBPATTERN:
        group, added, removed, inner = told
        body = _compiled(inner, (flags | added) & ~removed)
        if group is not None:
            code.append(("open", group))
        append(body)
        if group is not None:
            code.append(("close", group))
    elif op is _constants.BRANCH:
        _branch(code, [_compiled(each, flags) for each in told[1]])
    elif op in REPEATS:
        least, most, inner = told
        body = _compiled(inner, flags)
        repeated = _repeat(body, least, most, lazy=op is _constants.MIN_REPEAT)
        if op is _constants.POSSESSIVE_REPEAT:
            code.append(("atom", [*repeated, ("end",)]))
        else:
            append(repeated)
    elif op is _constants.ATOMIC_GROUP:
        code.append(("atom", [*_compiled(told, flags), ("end",)]))
    elif op is _constants.AT:
        code.append(("at", told, flags))
    elif op in (_constants.ASSERT, _constants.ASSERT_NOT):
        direction, inner = told
        back = inner.getwidth()[1] if direction < 0 else 0
        code.append(("look", [*_compiled(inner, flags), ("end",)], back, op is _constants.ASSERT))
    elif op is _constants.GROUPREF:
        code.append(("same", told))
    elif op is _constants.GROUPREF_EXISTS:
        group, yes, no = told
        first, second = _compiled(yes, flags), _compiled(no or [], flags)
        start = len(code) + 1
        code.append(("has", group, start, start + len(first) + 1))
        append(first)
        code.append(("jump", start + len(first) + 1 + len(second)))
        append(second)
    elif op is _constants.FAILURE:
        code.append(("one", lambda _: False))
    else:
        raise NotImplementedError(op)


def _branch(code: Code, bodies: Sequence[Code]) -> None:
    ends = []
    for number, body in enumerate(bodies):
        if number < len(bodies) - 1:
            here = len(code)
            code.append(("split", here + 1, here + len(body) + 2))
        code.extend(_shifted(body, len(code)))
        ends.append(len(code))
        code.append(("jump", -1))
    for place in ends:
        code[place] = ("jump", len(code))


_MARKS = iter(range(100_000, 10_000_000))


def _repeat(body: Code, least: int, most: int, *, lazy: bool) -> Code:
    code: Code = []
    for _ in range(least):
        code.extend(_shifted(body, len(code)))
    if most == _constants.MAXREPEAT:
        mark, here = next(_MARKS), len(code)
        after = here + len(body) + 4
        code.append(_split(here + 1, after, lazy=lazy))
        code.append(("mark", mark))
        code.extend(_shifted(body, len(code)))
        code.append(("moved", mark))
        code.append(("jump", here))
        return code
    after = len(code) + (most - least) * (len(body) + 1)
    for _ in range(most - least):
        code.append(_split(len(code) + 1, after, lazy=lazy))
        code.extend(_shifted(body, len(code)))
    return code


def _split(inner: int, after: int, *, lazy: bool) -> tuple[Any, ...]:
    return ("split", after, inner) if lazy else ("split", inner, after)


def single(op: Any, told: Any, flags: int, parsed: Any) -> Test:
    """Give what tells whether a letter fits one place of a pattern."""
    raw = isinstance(parsed.state.str, bytes)
    alone = _parser.SubPattern(parsed.state, [(op, told)])
    kept = flags & ~re.DEBUG
    pattern = _alone(alone, kept)
    known: dict[Any, bool] = {}

    def fits(letter: Any) -> bool:
        found = known.get(letter)
        if found is None:
            found = known[letter] = pattern.match(letter) is not None
        return found

    del raw
    return fits


def _alone(parsed: Any, flags: int) -> re.Pattern[Any]:
    # an object of its own: the state's groups are those of the whole pattern
    state = _parser.State()
    state.flags, state.str = flags, parsed.state.str
    return _compiler.compile(_parser.SubPattern(state, parsed.data), flags)


def parts(pattern: re.Pattern[Any]) -> Iterator[tuple[Any, Any, int, Any]]:
    """Give every node of a pattern, the inner ones after the outer."""
    yield from inside(_parser.parse(pattern.pattern, pattern.flags), pattern.flags)


def inside(parsed: Any, flags: int) -> Iterator[tuple[Any, Any, int, Any]]:
    """Give every node of a parsed pattern."""
    for op, told in parsed:
        yield op, told, flags, parsed
        for inner in told if isinstance(told, tuple | list) else (told,):
            for each in inner if isinstance(inner, list) else (inner,):
                if isinstance(each, _parser.SubPattern):
                    yield from inside(each, flags)
