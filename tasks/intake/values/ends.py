"""Read how it ended with a lead from the words of a stage or a status.

The words are data, in `end_words.toml`. `over` means that it ended and not how: `Closed` is a win in a column that
also has words of loss, and a question in any other.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Literal, get_args

from domain.documents import TomlMapping
from tasks.intake.values import vocabulary

End = Literal["won", "lost", "abandoned", "over"]

_DATA: TomlMapping = tomllib.loads((resources.files("tasks.intake.values") / "end_words.toml").read_text("utf-8"))
_ENDS: tuple[End, ...] = get_args(End)
#: what parts a stage from what is said about it: `Lost - No Response`, `6. Closed Won`, `Closed (Won)`
_PARTING = re.compile(r"\s[-/]\s|[:|()>»\u2013\u2014-]|^\W*\d{1,3}%?[.)\s]")
_EDGES = re.compile(r"^\W+|\W+$")
#: a longer text is a note, not a stage
_LONGEST = 60


@lru_cache(maxsize=4096)
def _key(text: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return vocabulary.level_key(plain)


_END_OF: Mapping[str, End] = {_key(word): end for end in _ENDS for word in _DATA[end]}
_DENYING, _BEGINNINGS = frozenset(_DATA["part"]["denying"]), dict(_DATA["part"]["beginning"])
_YES_OF: Mapping[str, End] = {word: end for end in _ENDS for word in _DATA["yes"].get(end, ())}


def read(text: str) -> End | None:
    """Return what a word tells of the end; None when it tells nothing.

    A part of it may tell it: `Lost - No Response`, `6. Closed Won`.

    >>> read("Closed - Not Converted"), read("SALE_DONE"), read("Closed"), read("Nurturing")
    ('lost', 'won', 'over', None)
    >>> read("Closed-Lost to Competition"), read("PROSPECT-Closed Won"), read("Pre - Sold")
    ('lost', 'won', None)
    """
    return _END_OF.get(_key(text)) or _read_parts(text)


@lru_cache(maxsize=4096)
def _read_parts(text: str) -> End | None:
    """Return the end that the parts of a stage tell; None where one of them denies it or two disagree."""
    parts = [key for part in _PARTING.split(text) if (key := _key(_EDGES.sub("", part)))]
    if len(text) > _LONGEST or _DENYING & set(parts):
        return None
    ends = {key: _END_OF.get(key) or _beginning(key) for key in parts}
    told = {end for end in ends.values() if end}
    denied = any(end is None and key.split()[0] in _DENYING for key, end in ends.items())
    certain = told - {"over"}
    if len(certain) == 1:
        return None if denied and "won" in certain else certain.pop()
    return "over" if set(ends.values()) == {"over"} else None  # `Closed - Duplicate` is no `Closed`


def _beginning(key: str) -> End | None:
    """Return the end with which a part begins, such as `lost to competition`."""
    return next((end for words, end in _BEGINNINGS.items() if key.startswith(f"{words} ")), None)


def read_yes(header: str) -> End | None:
    """Return what a yes tells in a column of this name; None when the name tells no end.

    >>> read_yes("Is Won"), read_yes("Closed"), read_yes("Interested?")
    ('won', 'over', None)
    """
    return _YES_OF.get("".join(_key(_EDGES.sub("", header)).split()))


def decided(words: Iterable[str], header: str = "") -> tuple[dict[str, End], tuple[str, ...]]:
    """Return the outcome of each word of a column that tells one, and the words that tell an end and not which.

    `Closed` counts as won where the same column names its losses. A column of yes and no is read by its `header`.

    >>> decided(["New", "Closed", "Lost"])
    ({'Closed': 'won', 'Lost': 'lost'}, ())
    >>> decided(["New", "Closed"]), decided(["true", "false"], "won")
    (({}, ('Closed',)), ({'true': 'won'}, ()))
    """
    of_yes = read_yes(header) if header else None
    ends = {
        word: end for word in words if (end := read(word) or (of_yes if word.casefold() in vocabulary.YES else None))
    }
    closed_is_won = "lost" in ends.values() and "won" not in ends.values() and of_yes is None
    outcomes: dict[str, End] = {
        word: "won" if end == "over" else end for word, end in ends.items() if end != "over" or closed_is_won
    }
    return outcomes, tuple(word for word in ends if word not in outcomes)
