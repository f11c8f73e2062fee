"""Load the tables of places (`zones.toml`): states with names, zones, area codes and ZIP codes, and legal hours.

`states.py` and `zones.py` use them.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.documents import TomlMapping
from ml.errors import CatalogueError
from ml.language.patterns import read_data_file

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NO_LETTER = re.compile(r"[^a-z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHours:
    """The hours that a law allows: local clock hours from Monday to Sunday; a day without any is (0, 0)."""

    id: str
    #: two letters; `*` is everywhere
    state: str
    days: tuple[tuple[float, float], ...]
    source: str
    #: ids of the holidays on which the law allows nothing
    holidays: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressWords:
    """Words that must be known to read the state of an address."""

    #: state codes that are also words
    words: frozenset[str]
    #: ends of texts that are no state, although they end in a state's name
    elsewhere: tuple[str, ...]
    #: provinces of Canada
    provinces: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceTables:
    """The zones, area codes and legal hours of one data file."""

    version: str
    #: two letters -> zones
    states: Mapping[str, tuple[str, ...]]
    #: name, short name or two letters, as `letters_only` returns them -> two letters
    names: Mapping[str, str]
    #: area code -> two letters
    area_codes: Mapping[str, str]
    #: the first three or all five digits of a ZIP code -> two letters
    zips: Mapping[str, str]
    #: area code in several zones -> all of them
    split: Mapping[str, tuple[str, ...]]
    #: a CRM's word for a zone, in lower case -> zones
    aliases: Mapping[str, tuple[str, ...]]
    #: zone -> states in it, wholly or in part
    zones: Mapping[str, tuple[str, ...]]
    hours: tuple[LegalHours, ...]
    address_words: AddressWords

    @property
    def everywhere(self) -> tuple[str, ...]:
        """Return all zones of the United States and its territories."""
        return tuple(sorted({zone for zones in self.states.values() for zone in zones}))


def load_places(text: str) -> PlaceTables:
    """Return the tables in a data file.

    Raises:
        CatalogueError: the text is no TOML, is incomplete, or names a zone that does not exist.

    """
    try:
        places = _places(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CatalogueError(f"zones.toml cannot be read ({type(error).__name__}): install Hearth again") from None
    federal = any(law.state == "*" for law in places.hours)
    if not (places.states and places.area_codes and federal and all(map(is_zone, places.zones))):
        raise CatalogueError("zones.toml lacks states, area codes, federal hours or a zone: install Hearth again")
    return places


def letters_only(name: str) -> str:
    """Return the letters of a name, lower case and without accents, to compare names.

    >>> letters_only("N. Dak."), letters_only("Québec"), letters_only("PUERTO  RICO")
    ('ndak', 'quebec', 'puertorico')
    """
    return _NO_LETTER.sub("", unicodedata.normalize("NFKD", name).casefold())


@lru_cache(maxsize=1024)
def is_zone(name: str) -> bool:
    """Return whether the machine knows a zone of that name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _places(data: TomlMapping) -> PlaceTables:
    states = {code: tuple(sorted(state["zones"])) for code, state in data["state"].items()}
    zips = [(prefix, code) for code, ranges in data["zip"].items() for prefix in _prefixes(ranges)]
    if len(dict(zips)) < len(zips) or {code for _, code in zips} - set(states):
        raise ValueError("a ZIP code lies in two states or in none")
    return PlaceTables(
        version=str(data["version"]),
        states=states,
        names={letters_only(name): code for code, state in data["state"].items() for name in (code, *state["names"])},
        area_codes={digits: code for code, state in data["state"].items() for digits in state["area_codes"]},
        zips=dict(zips),
        split={digits: tuple(sorted(zones)) for digits, zones in data["split"].items()},
        aliases={name: tuple(sorted(zones)) for name, zones in data["alias"].items()},
        zones=_by_zone(states) | {zone: tuple(codes) for zone, codes in data["zone"].items()},
        hours=tuple(_law(table) for table in data["hours"]),
        address_words=AddressWords(
            words=frozenset(data["reading"]["words"]),
            elsewhere=tuple(data["reading"]["elsewhere"]),
            provinces=frozenset(data["reading"]["provinces"]),
        ),
    )


def _by_zone(states: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    zones = {zone for zones in states.values() for zone in zones}
    return {
        zone: tuple(sorted(code for code, state_zones in states.items() if zone in state_zones))
        for zone in sorted(zones)
    }


def _prefixes(ranges: str) -> Iterator[str]:
    """Yield all prefixes of ranges such as `350-352 354`."""
    for span in ranges.split():
        first, _, last = span.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield str(number).zfill(len(first))


def _law(table: TomlMapping) -> LegalHours:
    daily = table["hours"]
    days = tuple(_span(table.get(day, daily)) for day in DAYS)
    return LegalHours(id=table["id"], state=table["state"], days=days, source=table["source"])


def _span(hours: list[float]) -> tuple[float, float]:
    if not hours:
        return (0.0, 0.0)
    start, end = hours
    return (float(start), float(end))


PLACES = load_places(read_data_file(__package__, "zones.toml"))
