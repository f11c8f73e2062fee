"""Load the profiles, which say what the headers of each system's exports mean: TOML files in `profiles/`.

To know another system's export, add a file there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Literal

from domain.documents import TomlMapping
from tasks.intake.csv import error_file
from tasks.intake.values import vocabulary

#: what the rows of a file are about
RowSubject = Literal["leads", "events"]

FALLBACK: Mapping[RowSubject, str] = {"leads": "generic", "events": "events"}
#: weight of marks that a header must show before a profile is chosen for it
LEAST_MARKS = 4
_NOISE = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One system's exports."""

    name: str
    subject: RowSubject
    #: canonical column -> reduced headers that mean it, the likeliest first
    columns: Mapping[str, tuple[str, ...]]
    #: the same of the generic profile, without the headers that this one knows; they count after `columns`
    common: Mapping[str, tuple[str, ...]]
    #: reduced header -> its weight as a mark of this profile
    marks: Mapping[str, int]
    #: reduced headers that are not read
    ignore: frozenset[str]
    #: reduced headers that are attributes, whatever they are called: `name` where it is a deal's title
    custom: frozenset[str]
    #: as in a mapping
    defaults: Mapping[str, str]
    #: canonical column -> reduced word -> what it stands for
    words: Mapping[str, Mapping[str, str]]
    #: stage -> opportunity_status, for files without a status column
    outcomes: Mapping[str, str]


def reduced_header(header: str) -> str:
    """Return a header as headers are compared: lower case, letters and digits only."""
    return _NOISE.sub("", header.casefold())


def profile_names(subject: RowSubject | None = None) -> list[str]:
    """Return the names of the profiles for files of `subject`, or of all profiles; `auto` is none of them."""
    return [name for name in _profile_files() if subject in (None, load_profile(name).subject)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChoice:
    """The profile that a header shows, and why."""

    name: str
    why: str


def best_profile(header: Sequence[str], subject: RowSubject = "leads") -> ProfileChoice:
    """Return the profile whose marks the header shows most; the fallback when none shows enough or two show as much.

    The canonical profile is also required to name most of the headers. Every profile knows all headers that the
    fallback knows.
    """
    by_reduced = {reduced_header(name): name for name in reversed(header) if name and name not in error_file.NOTES}
    reduced, profiles = by_reduced.keys(), [load_profile(name) for name in profile_names(subject)]
    scores = {profile.name: _score(profile, reduced) for profile in profiles if profile.marks}
    top = max(scores.values(), default=0)
    leading = [name for name, score in scores.items() if score == top]
    if top >= LEAST_MARKS and leading != ["canonical"]:
        if len(leading) > 1:
            return ProfileChoice(name=FALLBACK[subject], why=f"the headers fit {' and '.join(leading)} equally well")
        marks = load_profile(leading[0]).marks
        shown = sorted(marks.keys() & reduced, key=lambda mark: -marks[mark])[:4]
        return ProfileChoice(name=leading[0], why=f"it has {', '.join(by_reduced[mark] for mark in shown)}")
    canonical = load_profile("canonical").columns if subject == "leads" else ()
    if 2 * len(reduced & set(map(reduced_header, canonical))) > len(reduced):
        return ProfileChoice(name="canonical", why="most headers are names of Hearth's own columns")
    return ProfileChoice(name=FALLBACK[subject], why="no system that Hearth knows writes such headers")


@lru_cache(maxsize=64)
def load_profile(name: str) -> Profile:
    """Return a profile by its name."""
    table: TomlMapping = tomllib.loads((_folder() / f"{name}.toml").read_text("utf-8"))
    words: Mapping[str, Mapping[str, Sequence[str]]] = table.get("words", {})
    subject: RowSubject = table.get("subject", "leads")
    columns = {column: _reduced_headers(column, *headers) for column, headers in table["columns"].items()}
    ignore, custom = (frozenset(map(reduced_header, table.get(key, ()))) for key in ("ignore", "custom"))
    claimed = {*ignore, *custom, *(word for words in columns.values() for word in words)}
    return Profile(
        name=name,
        subject=subject,
        columns=columns,
        common={} if name == FALLBACK[subject] else _common_columns(load_profile(FALLBACK[subject]), claimed),
        marks={reduced_header(header): weight for header, weight in table.get("marks", {}).items()},
        ignore=ignore,
        custom=custom,
        defaults=table.get("defaults", {}),
        words={column: vocabulary.inverted(levels) for column, levels in words.items()},
        outcomes=table.get("outcomes", {}),
    )


def _common_columns(fallback: Profile, claimed: Collection[str]) -> dict[str, tuple[str, ...]]:
    # Whoever renames or adds a column in one system calls it as everybody does.
    return {name: tuple(word for word in words if word not in claimed) for name, words in fallback.columns.items()}


def _score(profile: Profile, reduced_headers: Collection[str]) -> int:
    return sum(weight for mark, weight in profile.marks.items() if mark in reduced_headers)


def _reduced_headers(*headers: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(reduced_header, headers)))


@lru_cache(maxsize=1)
def _profile_files() -> tuple[str, ...]:
    names = (entry.name for entry in _folder().iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def _folder() -> Traversable:
    return resources.files("tasks.intake.csv.columns") / "profiles"
