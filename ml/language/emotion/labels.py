"""What the labels of a file say in the ten states: a mapping in TOML, and cells of one label or several."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.emotions import EMOTIONAL_STATES, EmotionalState
from ml.errors import LabelsError

_States = tuple[EmotionalState, ...]


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Classes of labels: labels that stand for the same states are one class."""

    #: label in lower case -> its class; None: rows that have it are left out
    classes: Mapping[str, str | None]
    #: class -> its states; no state is in two classes
    members: Mapping[str, _States]
    #: of a file with numbers in place of labels: what they stand for
    numbers: Sequence[str] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the classes."""
        return tuple(self.members)

    def classes_of(self, cell: str, row: int) -> frozenset[str]:
        """Return the classes of a cell; none where a label says to leave the row out.

        Raises:
            LabelsError: the cell has no label, or one that the mapping does not know; it names the row.

        """
        labels = split_cell(cell)
        if not labels:
            raise LabelsError(f"row {row}: the label is empty")
        found = [self._class_of(label, row) for label in labels]
        return frozenset() if None in found else frozenset(one for one in found if one is not None)

    def _class_of(self, label: str, row: int) -> str | None:
        if self.numbers and label.isascii() and label.isdigit() and int(label) < len(self.numbers):
            label = self.numbers[int(label)].casefold()
        if label not in self.classes:
            raise LabelsError(f"row {row}: the label is not in the mapping; it knows {', '.join(self.classes)}")
        return self.classes[label]


def split_cell(cell: str) -> list[str]:
    """Return the labels of a cell in lower case.

    >>> split_cell("Anger, fear")
    ['anger', 'fear']
    """
    return [label for part in cell.split(",") if (label := part.strip().casefold())]


def ten_states() -> LabelMap:
    """Return the mapping of a file whose labels are the states."""
    return _map({state: (state,) for state in EMOTIONAL_STATES}, ())


def read_label_map(text: str) -> LabelMap:
    r"""Return the mapping in a TOML text: `[labels]`, each a state, a list of them, or an empty list to leave rows out.

    Raises:
        LabelsError: the text is no such mapping, or a state stands for two labels that also stand for others.

    >>> read_label_map('[labels]\njoy = ["excited", "confident"]\nfear = "anxious"').names
    ('joy', 'anxious')

    """
    try:
        file = tomllib.loads(text)
        labels, numbers = file["labels"], file.get("numbers", [])
        return _map({label.casefold(): _states(label, labels[label]) for label in labels}, numbers)
    except tomllib.TOMLDecodeError as error:
        raise LabelsError(f"the mapping is no TOML: {error}") from None
    except (KeyError, TypeError, AttributeError):
        raise LabelsError("the mapping has no table [labels] of label = state") from None


def _states(label: str, value: str | Sequence[str]) -> _States:
    wanted = [value] if isinstance(value, str) else list(value)
    unknown = sorted(set(wanted) - set(EMOTIONAL_STATES))
    if unknown:
        raise LabelsError(
            f"the mapping of {label!r} is no state: {', '.join(unknown)}; use {', '.join(EMOTIONAL_STATES)}"
        )
    return tuple(state for state in EMOTIONAL_STATES if state in wanted)


def _map(states: Mapping[str, _States], numbers: Sequence[str]) -> LabelMap:
    together: dict[_States, list[str]] = {}
    for label, own in states.items():
        together.setdefault(own, []).append(label)
    names = {own: own[0] if len(own) == 1 else "/".join(labels) for own, labels in together.items() if own}
    flat = [state for own in names for state in own]
    for state in set(flat):
        if flat.count(state) > 1:
            raise LabelsError(f"the state {state!r} stands for two labels that also stand for other states")
    members = {names[own]: own for own in sorted(names, key=lambda own: EMOTIONAL_STATES.index(own[0]))}
    if len(members) < 2:
        raise LabelsError("the mapping names fewer than two classes: there is nothing to tell apart")
    return LabelMap({label: names.get(own) for label, own in states.items()}, members, tuple(numbers))
