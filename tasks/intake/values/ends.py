"""Read how it ended with a lead from the words of a stage or a status.

The words are data, in `end_words.toml`. `over` means that it ended and not how: `Closed` is a win in a column that
also has words of loss, and a question in any other.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any, Literal, get_args

from tasks.intake.values import vocabulary

End = Literal["won", "lost", "abandoned", "over"]

_DATA: Mapping[str, Any] = tomllib.loads((resources.files("tasks.intake.values") / "end_words.toml").read_text("utf-8"))
_ENDS: tuple[End, ...] = get_args(End)


@lru_cache(maxsize=4096)
def _key(text: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return vocabulary.level_key(plain)


_END_OF: Mapping[str, End] = {_key(word): end for end in _ENDS for word in _DATA[end]}
_YES_OF: Mapping[str, End] = {word: end for end in _ENDS for word in _DATA["yes"].get(end, ())}


def read(text: str) -> End | None:
    """Return what a word tells of the end; None when it tells nothing.

    >>> read("Closed - Not Converted"), read("SALE_DONE"), read("Closed"), read("Nurturing")
    ('lost', 'won', 'over', None)
    """
    return _END_OF.get(_key(text))


def read_yes(header: str) -> End | None:
    """Return what a yes tells in a column of this name; None when the name tells no end.

    >>> read_yes("Is Won"), read_yes("Closed"), read_yes("Interested?")
    ('won', 'over', None)
    """
    return _YES_OF.get("".join(_key(header).split()))


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
