"""Say a fact in words, and tell whether two facts of a kind can both hold.

Only figures, dates and words of our own lists (`talking_points.toml`) are said: a text that somebody wrote into a
record may tell what a law protects.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from domain.facts import BOUNDS, FactKind
from domain.leads import KNOWN_TIMELINES, PREAPPROVALS
from ml.errors import CatalogueError
from ml.explain import number
from ml.interventions.toml_table import TomlTable
from ml.language.patterns import read_data_file
from ml.profiles import FactSignal, LeadProfile

#: kinds of facts in the order in which they are talked about; a refusal is none: it is obeyed, not talked about
KINDS: tuple[FactKind, ...] = (
    "question",
    "visit_time",
    "appointment_wish",
    "price_objection",
    "competitor",
    "budget",
    "preapproval",
    "timeline",
    "property_type",
    "beds",
    "baths",
)
#: kinds that a record holds too, with the field that tells it
FIELDS: Mapping[FactKind, str] = {
    "budget": "budget_max",
    "preapproval": "preapproval",
    "timeline": "timeline",
    "property_type": "property_type",
    "beds": "beds_min",
    "baths": "baths_min",
}
#: figures that differ by less than this share are one
SAME_WITHIN = 0.02

_Ends = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactTexts:
    """The written texts."""

    version: str
    #: kind -> sentence, of what was told and of what a record says
    told: Mapping[str, str]
    record: Mapping[str, str]
    #: a told fact against the record, and against what was told before
    conflict: Mapping[str, str]
    bound: Mapping[str, str]
    #: kind -> word of a fact -> words for people
    words: Mapping[FactKind, Mapping[str, str]]


def in_words(fact: FactSignal, texts: FactTexts | None = None) -> str | None:
    """Return the value of a fact for people; None for one that is not to be said.

    >>> in_words(FactSignal(kind="budget", value=(None, 450_000.0), bound="max", confidence=0.9))
    '$450,000 at most'
    >>> in_words(FactSignal(kind="visit_time", value="2026-03-07T14:00:00-05:00", bound=None, confidence=0.9))
    'Saturday 7 March, 14:00'
    >>> in_words(FactSignal(kind="property_type", value="for people over 55", bound=None, confidence=1.0)) is None
    True
    """
    texts = texts or shipped()
    match fact.kind:
        case "budget" | "beds" | "baths":
            return _figures(fact, texts)
        case "visit_time":
            return _visit(fact)
        case "preapproval" | "timeline" | "property_type":
            return texts.words[fact.kind].get(_key(fact.value)) if isinstance(fact.value, str) else None
        case _:
            return None


def differ(one: FactSignal, other: FactSignal, texts: FactTexts | None = None) -> bool:
    """Return whether two facts of a kind cannot both hold, as far as they can be said."""
    if isinstance(one.value, str) and isinstance(other.value, str):
        return in_words(one, texts) != in_words(other, texts)
    ours, theirs = _most(one), _most(other)
    return ours is not None and theirs is not None and abs(ours - theirs) > SAME_WITHIN * max(ours, theirs)


def visit_of(fact: FactSignal) -> datetime | None:
    """Return when somebody wants to visit; a day begins at midnight UTC. None where the fact holds no time."""
    if not isinstance(fact.value, str):
        return None
    try:
        moment = datetime.fromisoformat(fact.value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def recorded(kind: FactKind, profile: LeadProfile) -> FactSignal | None:
    """Return what the record says of a kind; None where it says nothing that can be said."""
    numbers = profile.numbers
    match kind:
        case "budget":
            value: _Ends | str | None = (numbers.get("budget_min"), numbers.get("budget_max"))
        case "beds" | "baths":
            value = (numbers.get(f"{kind}_min"), None)
        case "preapproval" | "timeline" | "property_type":
            value = getattr(profile, kind)
        case _:
            return None
    fact = FactSignal(kind=kind, value=value, bound=None, confidence=1.0)
    return None if in_words(fact) is None else fact


def _figures(fact: FactSignal, texts: FactTexts) -> str | None:
    low, high = _ends(fact)
    if low is None or high is None:
        # one end is open, or there are no figures at all
        bound, low = "min" if high is None else "max", high if low is None else low
    else:
        bound = "exact" if low == high else "range"
    if low is None:
        return None
    sign = "$" if fact.kind == "budget" else ""
    return texts.bound[fact.bound or bound].format(
        low=sign + number(low), high=sign + number(low if high is None else high)
    )


def _ends(fact: FactSignal) -> _Ends:
    match fact.value:
        case None | str():
            return None, None
        case float() | int() as figure:
            return figure, figure
        case low, high:
            return low, high


def _most(fact: FactSignal) -> float | None:
    return max((end for end in _ends(fact) if end is not None), default=None)


def _visit(fact: FactSignal) -> str | None:
    visit = visit_of(fact)
    if visit is None:
        return None
    day = f"{visit:%A} {visit.day} {visit:%B}"
    return f"{day}, {visit:%H:%M}" if "T" in str(fact.value) else day


def _key(word: str) -> str:
    return "_".join(word.casefold().replace("-", " ").replace("_", " ").split())


@cache
def shipped() -> FactTexts:
    """Return the texts that ship; read once. Raises CatalogueError."""
    return load_texts(read_data_file(__package__, "talking_points.toml"))


def load_texts(text: str) -> FactTexts:
    """Return the texts of a data file. Raises CatalogueError, which names the place of a mistake."""
    try:
        root = TomlTable("", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"talking_points.toml cannot be read: {error}") from None
    root.exactly(("version", "told", "record", "conflict", "bound", "preapproval", "timeline", "property_type"))
    types = tuple(root.table("property_type").cells)
    return FactTexts(
        version=root.word("version"),
        told=_words(root, "told", KINDS),
        record=_words(root, "record", tuple(FIELDS)),
        conflict=_words(root, "conflict", ("record", "earlier")),
        bound=_words(root, "bound", BOUNDS),
        words={
            "preapproval": _keyed(_words(root, "preapproval", PREAPPROVALS)),
            "timeline": _keyed(_words(root, "timeline", KNOWN_TIMELINES)),
            "property_type": _keyed(_words(root, "property_type", types)),
        },
    )


def _words(root: TomlTable, key: str, names: Sequence[str]) -> dict[str, str]:
    table = root.table(key)
    table.exactly(names)
    return {name: table.word(name) for name in names}


def _keyed(words: Mapping[str, str]) -> dict[str, str]:
    return {_key(word): text for word, text in words.items()}
