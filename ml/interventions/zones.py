"""Where a person may be, told from what is known: time zones and the state whose hours hold.

Several places possible: all of them count. Data in `zones.toml`; exchanges by libphonenumber, whose zones load in about
25 ms and 3 MB (its place names would take 100 MB: area codes therefore stand in the file).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers import NumberParseException, PhoneNumber, is_possible_number, parse
from phonenumbers.timezone import time_zones_for_geographical_number

from ml.errors import CatalogueError
from ml.interventions.patterns import shipped

Basis = Literal["contact", "state", "area_code", "unknown"]

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: digits of an American number that tell where its exchange is: area code and exchange
_EXCHANGE = 6
_AMERICAN = re.compile(r"(?:\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})")
#: a number that rings anywhere is placed in more zones than this
_ANYWHERE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHours:
    """Hours of a law: local clock hours from Monday to Sunday; an empty day is (0, 0)."""

    id: str
    #: two letters; `*` = everywhere
    state: str
    days: tuple[tuple[float, float], ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Zones, area codes and hours of the law, as one file tells them."""

    version: str
    #: two letters -> zones
    states: Mapping[str, tuple[str, ...]]
    #: name or two letters, in small letters without punctuation -> two letters
    names: Mapping[str, str]
    #: area code -> two letters
    area_codes: Mapping[str, str]
    #: area code that lies in several zones -> all of them
    split: Mapping[str, tuple[str, ...]]
    #: a CRM's word for a zone, in small letters -> zones
    aliases: Mapping[str, tuple[str, ...]]
    hours: tuple[LegalHours, ...]

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
    if not (places.states and places.area_codes and federal and all(map(_is_zone, places.everywhere))):
        raise CatalogueError("zones.toml lacks states, area codes, federal hours or a zone: install Hearth again")
    return places


def state_of(told: str | None) -> str | None:
    """Give the two letters of a state that is told by name or letters; None when it is no US state.

    >>> state_of("Florida"), state_of(" fl "), state_of("D.C."), state_of("Ontario")
    ('FL', 'FL', 'DC', None)
    """
    return PLACES.names.get(_plain(told or ""))


def state_of_phone(phone: str | None) -> str | None:
    """Give the state in which a number's area code lies; None when it lies in none.

    >>> state_of_phone("+1 (305) 555-0100"), state_of_phone("18005550100"), state_of_phone(None)
    ('FL', None, None)
    """
    number = _number(phone)
    if number is None or number.country_code != 1:
        return None
    return PLACES.area_codes.get(str(number.national_number)[:3])


def zones_of(timezone: str | None, state: str | None, phone: str | None) -> tuple[tuple[str, ...], Basis]:
    """Give every zone a person may be in, and what tells it: the contact's zone, else its state, else its area code.

    >>> zones_of("America/Denver", "FL", None)
    (('America/Denver',), 'contact')
    >>> zones_of(None, "Florida", None)
    (('America/Chicago', 'America/New_York'), 'state')
    >>> zones_of("", None, "(808) 555-0100")
    (('Pacific/Honolulu',), 'area_code')
    >>> zones, basis = zones_of(None, None, None)
    >>> basis, "Pacific/Guam" in zones, "America/New_York" in zones
    ('unknown', True, True)
    """
    own = _contact_zones(timezone)
    if own:
        return own, "contact"
    home = state_of(state)
    if home:
        return PLACES.states[home], "state"
    called = _phone_zones(phone)
    return (called, "area_code") if called else (_EVERYWHERE, "unknown")


def laws_of(state: str | None, phone: str | None) -> tuple[LegalHours, ...]:
    """Give the hours of the law that hold: the federal ones, those of the state told and of the area code's.

    >>> [law.id for law in laws_of("Florida", "+12145550100")]
    ['quiet.federal', 'quiet.fl', 'quiet.tx']
    """
    return _laws(state_of(state), state_of_phone(phone))


@lru_cache(maxsize=4096)
def _laws(told: str | None, called: str | None) -> tuple[LegalHours, ...]:
    return tuple(law for law in PLACES.hours if law.state == "*" or law.state in {told, called})


def _contact_zones(timezone: str | None) -> tuple[str, ...]:
    """Give the zones a contact's own word names; a CRM's default such as UTC is no place and tells nothing."""
    name = " ".join((timezone or "").split())
    alias = PLACES.aliases.get(name.casefold())
    if alias is not None:
        return alias
    placed = "/" in name and not name.casefold().startswith("etc/")
    return (name,) if placed and _is_zone(name) else ()


def _phone_zones(phone: str | None) -> tuple[str, ...]:
    number = _number(phone)
    if number is None:
        return ()
    if number.country_code != 1:
        return _known(time_zones_for_geographical_number(number))
    exchange = str(number.national_number)[:_EXCHANGE]
    code = exchange[:3]
    # the newest area codes are not yet the library's
    home = PLACES.states.get(PLACES.area_codes.get(code, ""), ())
    return PLACES.split.get(code) or _exchange_zones(exchange) or home


@lru_cache(maxsize=4096)
def _exchange_zones(exchange: str) -> tuple[str, ...]:
    """Give the zones of an American exchange, which is no person's number; none for one that rings anywhere."""
    number = PhoneNumber(country_code=1, national_number=int(exchange.ljust(10, "0")))
    zones = _known(time_zones_for_geographical_number(number))
    return zones if len(zones) <= _ANYWHERE else ()


def _known(zones: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(filter(_is_zone, zones)))


def _number(phone: str | None) -> PhoneNumber | None:
    """Read a number; digits without a country are American, which most are and need no library."""
    if not phone:
        return None
    american = _AMERICAN.fullmatch(phone)
    if american:
        return PhoneNumber(country_code=1, national_number=int(american[1]))
    try:
        number = parse(phone, "US")
    except NumberParseException:
        return None
    return number if is_possible_number(number) else None


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _plain(name: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", "", name[:64]).casefold().split())


def _places(told: Mapping[str, Any]) -> Places:
    states = {code: tuple(sorted(one["zones"])) for code, one in told["state"].items()}
    names = {_plain(name): code for code, one in told["state"].items() for name in (code, *one["names"])}
    return Places(
        version=str(told["version"]),
        states=states,
        names=names,
        area_codes={digits: code for code, one in told["state"].items() for digits in one["area_codes"]},
        split={digits: tuple(sorted(zones)) for digits, zones in told["split"].items()},
        aliases={name: tuple(sorted(zones)) for name, zones in told["alias"].items()},
        hours=tuple(_law(one) for one in told["hours"]),
    )


def _law(one: Mapping[str, Any]) -> LegalHours:
    daily = one["hours"]
    days = tuple(_span(one.get(day, daily)) for day in DAYS)
    return LegalHours(id=one["id"], state=one["state"], days=days, source=one["source"])


def _span(hours: list[float]) -> tuple[float, float]:
    if not hours:
        return (0.0, 0.0)
    start, end = hours
    return (float(start), float(end))


PLACES = load(shipped("zones.toml"))
_EVERYWHERE = PLACES.everywhere
