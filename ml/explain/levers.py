"""What somebody can change about a lead, as data: each lever says what happens and which features move with it.

`levers.toml` is an allow-list. What it does not name is never said to change a score, and the file does not load with a
feature that nobody can change: the age of a lead, what it is, the tone of its messages, a column that no law allows.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast, get_args

from domain.documents import TomlMapping
from ml.errors import CatalogueError
from ml.features.catalogue import COLUMN, CUSTOM, FEATURES
from ml.features.prohibited import refusal
from ml.language.patterns import read_data_file

Actor = Literal["agent", "lead"]

#: features of the moving groups that nobody moves by doing something
_FIXED = frozenset({"age_days", "stage_days", "activity_trend", "no_shows"})
#: the category that somebody can change
_CHANGEABLE = frozenset({"preapproval"})
_KEYS = frozenset({"by", "channel", "once", "many", "most", "effort", "event", "direction", "add", "today", "becomes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Becomes:
    """The level that a category gets."""

    level: str
    #: levels that it may have now; empty: any other, also none
    start: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """Something that somebody can do, and the features that move with it."""

    name: str
    by: Actor
    #: how the agent contacts the lead; None where the lead acts
    channel: str | None
    #: what happens once, and several times with {} for how often
    once: str
    many: str
    #: the most times that are considered
    most: int
    #: what one costs beside the others, above 0
    effort: float
    #: kind and direction of the interaction that it stands for; None where it is none
    event: tuple[str, str] | None
    #: feature -> what one adds
    add: Mapping[str, float]
    #: features in days that become 0
    today: tuple[str, ...]
    #: category -> what it becomes
    becomes: Mapping[str, Becomes]

    @property
    def features(self) -> frozenset[str]:
        """Return the features that it moves."""
        return frozenset((*self.add, *self.today, *self.becomes))

    def text(self, times: int) -> str:
        """Return what happens, in words."""
        return self.once if times == 1 else self.many.format(times)


@dataclass(frozen=True, slots=True, kw_only=True)
class Levers:
    """The levers of a data file, in its order."""

    #: changes with any lever; stands beside each answer
    version: str
    levers: tuple[Lever, ...]
    #: feature -> the counts that it is the share of: the part, the whole
    shares: Mapping[str, tuple[str, str]]

    def of_channels(self, closed: Collection[str]) -> Levers:
        """Return the levers without those of channels by which the lead may not be contacted.

        >>> [lever.name for lever in builtin().of_channels({"email", "call"}).levers if lever.by == "agent"]
        ['text_message']
        """
        kept = tuple(lever for lever in self.levers if lever.channel not in closed)
        return Levers(version=self.version, levers=kept, shares=self.shares)


def load(text: str) -> Levers:
    """Return the levers of a data file. Raises CatalogueError, which names the lever and what is wrong with it.

    >>> text = '''
    ... version = "1"
    ... [shares]
    ... [levers.wait]
    ... by = "lead"
    ... once = "days go by"
    ... many = "{} days go by"
    ... most = 1
    ... effort = 1
    ... add = { age_days = 1 }
    ... '''
    >>> load(text)
    Traceback (most recent call last):
    ml.errors.CatalogueError: levers.wait: nobody can change age_days
    """
    document: TomlMapping = tomllib.loads(text)
    shares = {name: (part, whole) for name, (part, whole) in document["shares"].items()}
    levers = tuple(_lever(name, cells) for name, cells in document["levers"].items())
    for name in {name for share in shares.items() for name in (share[0], *share[1])}:
        _require_changeable("shares", name)
    return Levers(version=str(document["version"]), levers=levers, shares=shares)


@cache
def builtin() -> Levers:
    """Return the levers that Hearth ships."""
    return load(read_data_file(__package__, "levers.toml"))


def changeable(name: str) -> bool:
    """Return whether somebody can change a feature by doing something; of a tenant's own column, whether a law forbids.

    >>> [changeable(name) for name in ("showings", "reply_days", "age_days", "tone_angry", "source", "custom:Age")]
    [True, True, False, False, False, False]
    """
    if name.startswith((CUSTOM, COLUMN)):
        return refusal(name.removeprefix(CUSTOM).removeprefix(COLUMN)) is None
    feature = FEATURES.get(name)
    moves = feature is not None and feature.group in ("behavioral", "temporal") and name not in _FIXED
    return moves or name in _CHANGEABLE


def _lever(name: str, cells: TomlMapping) -> Lever:
    place = f"levers.{name}"
    if unknown := sorted(cells.keys() - _KEYS):
        raise CatalogueError(f"{place}: {unknown[0]} is not known here")
    if cells["by"] not in get_args(Actor):
        raise CatalogueError(f"{place}: by must be agent or lead")
    if (cells["by"] == "agent") != ("channel" in cells):
        raise CatalogueError(f"{place}: what an agent does names its channel, and nothing else does")
    if cells["most"] < 1 or cells["effort"] <= 0:
        raise CatalogueError(f"{place}: most and effort must be above 0")
    lever = Lever(
        name=name,
        by=cast("Actor", cells["by"]),
        channel=cells.get("channel"),
        once=cells["once"],
        many=cells["many"],
        most=int(cells["most"]),
        effort=float(cells["effort"]),
        event=(cells["event"], cells["direction"]) if "event" in cells else None,
        add={feature: float(amount) for feature, amount in cells.get("add", {}).items()},
        today=tuple(cells.get("today", ())),
        becomes={
            feature: Becomes(level=change["level"], start=frozenset(change.get("from", ())))
            for feature, change in cells.get("becomes", {}).items()
        },
    )
    for feature in sorted(lever.features):
        _require_changeable(place, feature)
    return lever


def _require_changeable(place: str, feature: str) -> None:
    if not changeable(feature):
        raise CatalogueError(f"{place}: nobody can change {feature}")
