"""The tables of places: states with their names, zones, area codes and ZIP codes, and the hours of the law.

Data in `zones.toml`, read once; what is made of them stands in `states.py` and `zones.py`.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ml.errors import CatalogueError
from ml.language.patterns import shipped

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NO_LETTER = re.compile(r"[^a-z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHours:
    """Hours of a law: local clock hours from Monday to Sunday; an empty day is (0, 0)."""

    id: str
    #: two letters; `*` = everywhere
    state: str
    days: tuple[tuple[float, float], ...]
    source: str
    #: ids of the holidays on which it allows nothing
    holidays: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is to be known to read the state of an address."""

    #: two letters that are words as well
    words: frozenset[str]
    #: ends of texts that are no state, though they end in the name of one
    elsewhere: tuple[str, ...]
    #: of Canada
    provinces: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Zones, area codes and hours of the law, as one file tells them."""

    version: str
    #: two letters -> zones
    states: Mapping[str, tuple[str, ...]]
    #: name, short name or two letters, as `letters` gives them -> two letters
    names: Mapping[str, str]
    #: area code -> two letters
    area_codes: Mapping[str, str]
    #: the first three or all five digits of a ZIP code -> two letters
    zips: Mapping[str, str]
    #: area code that lies in several zones -> all of them
    split: Mapping[str, tuple[str, ...]]
    #: a CRM's word for a zone, in small letters -> zones
    aliases: Mapping[str, tuple[str, ...]]
    #: zone -> states that lie in it, wholly or in part
    zones: Mapping[str, tuple[str, ...]]
    hours: tuple[LegalHours, ...]
    reading: Reading

    @property
    def everywhere(self) -> tuple[str, ...]:
        """All zones of the United States and its territories."""
        return tuple(sorted({zone for zones in self.states.values() for zone in zones}))


def load(text: str) -> Places:
    """Read zones and hours.

    Raises:
        CatalogueError: the text is no TOML, lacks a part, or names a zone that does not exist.

    """
    try:
        told = tomllib.loads(text)
        places = _places(told)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CatalogueError(f"zones.toml cannot be read ({type(error).__name__}): install Hearth again") from None
    federal = any(law.state == "*" for law in places.hours)
    if not (places.states and places.area_codes and federal and all(map(is_zone, places.zones))):
        raise CatalogueError("zones.toml lacks states, area codes, federal hours or a zone: install Hearth again")
    return places


def letters(name: str) -> str:
    """Give a name's letters alone, small and without accents: how names are compared.

    >>> letters("N. Dak."), letters("Québec"), letters("PUERTO  RICO")
    ('ndak', 'quebec', 'puertorico')
    """
    return _NO_LETTER.sub("", unicodedata.normalize("NFKD", name).casefold())


@lru_cache(maxsize=1024)
def is_zone(name: str) -> bool:
    """Tell whether the machine knows a zone of that name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _places(told: Mapping[str, Any]) -> Places:
    states = {code: tuple(sorted(one["zones"])) for code, one in told["state"].items()}
    zips = [(prefix, code) for code, ranges in told["zip"].items() for prefix in _prefixes(ranges)]
    if len(dict(zips)) < len(zips) or {code for _, code in zips} - set(states):
        raise ValueError("a ZIP code lies in two states or in none")
    return Places(
        version=str(told["version"]),
        states=states,
        names={letters(name): code for code, one in told["state"].items() for name in (code, *one["names"])},
        area_codes={digits: code for code, one in told["state"].items() for digits in one["area_codes"]},
        zips=dict(zips),
        split={digits: tuple(sorted(zones)) for digits, zones in told["split"].items()},
        aliases={name: tuple(sorted(zones)) for name, zones in told["alias"].items()},
        zones=_by_zone(states) | {zone: tuple(codes) for zone, codes in told["zone"].items()},
        hours=tuple(_law(one) for one in told["hours"]),
        reading=Reading(
            words=frozenset(told["reading"]["words"]),
            elsewhere=tuple(told["reading"]["elsewhere"]),
            provinces=frozenset(told["reading"]["provinces"]),
        ),
    )


def _by_zone(states: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    zones = {zone for zones in states.values() for zone in zones}
    return {zone: tuple(sorted(code for code, own in states.items() if zone in own)) for zone in sorted(zones)}


def _prefixes(ranges: str) -> Iterator[str]:
    """Give all prefixes of ranges such as `350-352 354`."""
    for one in ranges.split():
        first, _, last = one.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield str(number).zfill(len(first))


def _law(one: Mapping[str, Any]) -> LegalHours:
    daily = one["hours"]
    days = tuple(_span(one.get(day, daily)) for day in DAYS)
    return LegalHours(id=one["id"], state=one["state"], days=days, source=one["source"])


def _span(hours: list[float]) -> tuple[float, float]:
    if not hours:
        return (0.0, 0.0)
    start, end = hours
    return (float(start), float(end))


PLACES = load(shipped(__package__, "zones.toml"))
