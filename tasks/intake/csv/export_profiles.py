"""The profiles: what the headers of each system's exports mean, as TOML files beside this module."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

from tasks.intake.csv import error_file, lead_schema
from tasks.intake.values import vocabulary

#: what the rows of a file are about
Subject = Literal["leads", "events"]

FALLBACK: Mapping[Subject, str] = {"leads": "generic", "events": "events"}
#: marks that a file must show before a profile is taken for it
ENOUGH = 3
_NOISE = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One system's exports."""

    name: str
    subject: Subject
    #: canonical column -> what headers that mean it reduce to, the likeliest first
    columns: Mapping[str, tuple[str, ...]]
    #: reduced header -> how much it tells for this profile
    marks: Mapping[str, int]
    #: reduced headers that are not read
    ignore: frozenset[str]
    #: as in a mapping
    defaults: Mapping[str, str]
    #: canonical column -> reduced word -> what it stands for
    words: Mapping[str, Mapping[str, str]]
    #: stage -> opportunity_status, for files without a column of it
    outcomes: Mapping[str, str]


def key(header: str) -> str:
    """Reduce a header to what is compared: without case, letters and digits only."""
    return _NOISE.sub("", header.casefold())


def names(subject: Subject | None = None) -> list[str]:
    """Give the names of the profiles, without `auto`: of one subject, or all."""
    return [each for each in _all() if subject in (None, load(each).subject)]


def best(header: Sequence[str], subject: Subject = "leads") -> str:
    """Give the profile whose marks the header shows most; where none shows enough or two as much, the fallback.

    The canonical profile besides asks for most headers to be its own names: otherwise the fallback reads more of them.
    """
    given = {key(name) for name in header if name and name not in error_file.NOTES}
    scores = {name: _score(load(name), given) for name in names(subject) if load(name).marks}
    top = max(scores.values(), default=0)
    leading = [name for name, score in scores.items() if score == top]
    if top >= ENOUGH and leading != ["canonical"]:
        return leading[0] if len(leading) == 1 else FALLBACK[subject]
    own = load("canonical").columns if subject == "leads" else ()
    return "canonical" if 2 * len(given & set(map(key, own))) > len(given) else FALLBACK[subject]


@lru_cache(maxsize=64)
def load(name: str) -> Profile:
    """Read a profile by its name."""
    table: dict[str, Any] = tomllib.loads((_folder() / f"{name}.toml").read_text("utf-8"))
    words: Mapping[str, Mapping[str, Sequence[str]]] = table.get("words", {})
    subject: Subject = table.get("subject", "leads")
    columns = {column: _keys(column, *headers) for column, headers in table["columns"].items()}
    return Profile(
        name=name,
        subject=subject,
        columns=columns if name == FALLBACK[subject] else columns | _completed(columns, load(FALLBACK[subject])),
        marks={key(header): weight for header, weight in table.get("marks", {}).items()},
        ignore=frozenset(map(key, table.get("ignore", ()))),
        defaults=table.get("defaults", {}),
        words={column: vocabulary.inverted(levels) for column, levels in words.items()},
        outcomes=table.get("outcomes", {}),
    )


def _completed(columns: Mapping[str, tuple[str, ...]], common: Profile) -> dict[str, tuple[str, ...]]:
    # A refusal must not be overlooked, and a person not lost, because of a header that this system does not use.
    claimed = {word for words in columns.values() for word in words}
    kinds = {"unsubscribed", "email", "phone", "name"}
    needed = [name for name in common.columns if lead_schema.kind_of(name) in kinds]
    return {
        name: (*columns.get(name, ()), *(word for word in common.columns[name] if word not in claimed))
        for name in needed
    }


def _score(profile: Profile, given: set[str]) -> int:
    return sum(weight for mark, weight in profile.marks.items() if mark in given)


def _keys(*headers: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(key, headers)))


@lru_cache(maxsize=1)
def _all() -> tuple[str, ...]:
    found = (entry.name for entry in _folder().iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def _folder() -> Any:
    return resources.files("tasks.intake.csv") / "profiles"
