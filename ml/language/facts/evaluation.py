"""Measure how well facts are read, on dialogues whose turns people have labelled with slots and acts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import cast

from ml.errors import LabelsError
from ml.language.facts import question, rooms
from ml.language.facts.days.visit_time import proposed_days
from ml.language.facts.folding import FoldedText, folded
from ml.language.facts.number_words import SMALL

#: a day on which the turns are read as if written, since a dialogue carries none: only the spans are judged
_TODAY = date(2024, 1, 1)
_VISIT_DATE, _BEDS, _BATHS = "visit_date", "number_of_beds", "number_of_baths"

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindFigures:
    """The quality of one kind of fact; a figure is None where there is nothing to take it of."""

    #: share of what was read that is labelled
    precision: float | None
    #: share of what is labelled that was read
    recall: float | None
    f1: float | None
    #: share of what is labelled that was read with the very same span (a date), or with the same numbers and no others
    exact: float | None
    #: share of the turns without a label in which something was read
    false_alarm_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsFigures:
    """The quality on the user's turns of some dialogues."""

    turns: int
    visit_date: KindFigures
    beds: KindFigures
    baths: KindFigures
    question: KindFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledTurn:
    """What a user said in one turn, and its labels."""

    text: str
    visit_dates: AbstractSet[Span]
    beds: AbstractSet[float]
    baths: AbstractSet[float]
    #: whether the turn asks for information: an act REQUEST
    asks: bool


@dataclass(slots=True)
class _Count:
    """Counts of one kind."""

    labelled: int = 0
    read: int = 0
    found: int = 0
    right: int = 0
    exact: int = 0
    unlabelled_turns: int = 0
    false_alarms: int = 0

    def figures(self) -> KindFigures:
        precision, recall = _share(self.right, self.read), _share(self.found, self.labelled)
        both = (precision or 0.0) + (recall or 0.0)
        return KindFigures(
            precision=precision,
            recall=recall,
            f1=None if precision is None or recall is None else 2 * precision * recall / both if both else 0.0,
            exact=_share(self.exact, self.labelled),
            false_alarm_rate=_share(self.false_alarms, self.unlabelled_turns),
        )


def evaluate(lines: Iterable[str]) -> FactsFigures:
    r"""Read the users' turns of dialogues, one JSON object a line, and compare with their labels.

    Raises LabelsError, which names the line that is no labelled turn.

    >>> acts = [["INFORM", "number_of_beds", ["3"]]]
    >>> turn = {"speaker": "USER", "text": "3 bedrooms please", "slots": [], "acts": acts}
    >>> figures = evaluate([json.dumps(turn)])
    >>> figures.turns, figures.beds.recall, figures.question.false_alarm_rate
    (1, 1.0, 0.0)
    """
    dates, beds, baths, asked = _Count(), _Count(), _Count(), _Count()
    turns = 0
    for turn in labelled_turns(lines):
        turns += 1
        message = folded(turn.text)
        _compare_spans(dates, turn.visit_dates, {(day.start, day.end) for day in proposed_days(message, _TODAY)})
        for count, kind, labelled in ((beds, "beds", turn.beds), (baths, "baths", turn.baths)):
            _compare(count, labelled, _numbers(message, kind))
        _compare(asked, {True} if turn.asks else set(), {True for _ in question.read(message)})
    return FactsFigures(
        turns=turns,
        visit_date=dates.figures(),
        beds=beds.figures(),
        baths=baths.figures(),
        question=asked.figures(),
    )


def _numbers(message: FoldedText, kind: str) -> set[float]:
    """Return the numbers of rooms of a kind that are read: of "at least 3", the 3."""
    facts = [cast("tuple[float | None, float | None]", fact.value) for fact in rooms.read(message) if fact.kind == kind]
    return {end for low, high in facts for end in ([high] if low is None else [low]) if end is not None}


def _compare(count: _Count, labelled: AbstractSet[object], read: AbstractSet[object]) -> None:
    count.labelled += len(labelled)
    count.read += len(read)
    count.found += len(labelled & read)
    count.right += len(labelled & read)
    count.exact += len(labelled) if labelled == read else 0
    _count_alarm(count, labelled, read)


def _compare_spans(count: _Count, labelled: AbstractSet[Span], read: AbstractSet[Span]) -> None:
    """Compare spans: found when one that was read overlaps, exact when it is the same."""
    count.labelled += len(labelled)
    count.read += len(read)
    count.found += sum(any(_overlap(span, other) for other in read) for span in labelled)
    count.right += sum(any(_overlap(span, other) for other in labelled) for span in read)
    count.exact += len(labelled & read)
    _count_alarm(count, labelled, read)


def _count_alarm(count: _Count, labelled: AbstractSet[object], read: AbstractSet[object]) -> None:
    if not labelled:
        count.unlabelled_turns += 1
        count.false_alarms += bool(read)


def _overlap(first: Span, second: Span) -> bool:
    return first[0] < second[1] and second[0] < first[1]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def labelled_turns(lines: Iterable[str]) -> Iterator[LabelledTurn]:
    """Yield the turns of the user. Raises LabelsError, which names the line; no text of it."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            turn = json.loads(line)
        except (ValueError, RecursionError):
            raise LabelsError(f"line {number}: no JSON") from None
        if not isinstance(turn, dict):
            raise LabelsError(f"line {number}: no JSON object")
        if _text(turn, "speaker", number).casefold() == "user":
            yield _turn(turn, number)


def _turn(turn: Mapping[str, object], number: int) -> LabelledTurn:
    text, slots, acts = _text(turn, "text", number), turn.get("slots"), turn.get("acts")
    if not isinstance(slots, list) or not isinstance(acts, list):
        raise LabelsError(f"line {number}: slots and acts are no lists")
    try:
        told = [(act, slot, values) for act, slot, values in acts]
        spans = {(int(slot["start"]), int(slot["end"])) for slot in slots if slot["slot"] == _VISIT_DATE}
    except (TypeError, ValueError, KeyError):
        raise LabelsError(
            f'line {number}: a slot is {{"slot","start","end"}}, and an act is [act, slot, [value, …]]'
        ) from None
    if any(not 0 <= start < end <= len(text) for start, end in spans):
        raise LabelsError(f"line {number}: a slot does not lie in the text")
    return LabelledTurn(
        text=text,
        visit_dates=spans,
        beds=_values(told, _BEDS),
        baths=_values(told, _BATHS),
        asks=any(act == "REQUEST" for act, _, _ in told),
    )


def _text(turn: Mapping[str, object], name: str, number: int) -> str:
    value = turn.get(name)
    if not isinstance(value, str):
        raise LabelsError(f"line {number}: {name} is no text")
    return value


def _values(told: Iterable[tuple[object, object, object]], slot: str) -> set[float]:
    """Return the numbers that a user tells for a slot; a value that is no number is no label."""
    values = [value for act, name, given in told if act == "INFORM" and name == slot for value in _list(given)]
    numbers = [_number(str(value)) for value in values]
    return {number for number in numbers if number is not None}


def _list(given: object) -> list[object]:
    return given if isinstance(given, list) else []


def _number(value: str) -> float | None:
    word = SMALL.get(value.strip().casefold())
    if word is not None:
        return float(word)
    try:
        return float(value)
    except ValueError:
        return None
