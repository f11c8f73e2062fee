"""Where a person may be, told from what is known: time zones, and the laws that hold on the clock of each.

Several places possible: all of them count. Nothing known: every zone, each with the laws of all states that lie in it.
Data in `zones.toml` and `holidays.toml`; exchanges by libphonenumber, whose zones load in about 25 ms and 3 MB (its
place names would take 100 MB: area codes therefore stand in the file).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from phonenumbers import NumberParseException, PhoneNumber, is_possible_number, parse
from phonenumbers.timezone import time_zones_for_geographical_number

from ml.interventions.compliance.holidays import HOLIDAYS
from ml.interventions.compliance.places import DAYS, PLACES, LegalHours, Places, is_zone, load
from ml.interventions.compliance.states import state_of, states_of

__all__ = [
    "DAYS",
    "LAWS",
    "PLACES",
    "Basis",
    "LegalHours",
    "Place",
    "Places",
    "laws_of",
    "load",
    "place_of",
    "state_of",
    "state_of_phone",
    "states_of",
    "zones_of",
]

Basis = Literal["contact", "state", "area_code", "unknown"]

#: hours first, then holidays
LAWS = (*PLACES.hours, *HOLIDAYS.laws)
#: digits of an American number that tell where its exchange is: area code and exchange
_EXCHANGE = 6
_AMERICAN = re.compile(r"(?:\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})")
#: a number that rings anywhere is placed in more zones than this
_ANYWHERE = 6
#: how lists of zones begin what they offer: "(GMT-05:00) Eastern Time"
_OFFSET = re.compile(r"^\((?:GMT|UTC)[^)]*\)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Every zone a person may be in, with the laws that hold on its clock."""

    basis: Basis
    clocks: tuple[tuple[str, tuple[LegalHours, ...]], ...]
    #: the state is not known, and all that lie in a zone count
    any_state: bool

    @property
    def zones(self) -> tuple[str, ...]:
        """Give the zones alone."""
        return tuple(zone for zone, _ in self.clocks)


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
    >>> zones_of(None, "Pensacola, Fla.", None)
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
    homes = states_of(state)
    if homes:
        return tuple(sorted({zone for home in homes for zone in PLACES.states[home]})), "state"
    called = _phone_zones(phone)
    return (called, "area_code") if called else (_EVERYWHERE, "unknown")


def place_of(timezone: str | None, state: str | None, phone: str | None) -> Place:
    """Give where a person may be and which laws hold there: the federal ones, those of its state and its area code's.

    Where neither tells a state of the zone, the laws of all states that lie in the zone hold, wholly or in part.

    >>> place = place_of(None, "Florida", "+12145550100")
    >>> place.zones, [law.id for law in place.clocks[0][1]]
    (('America/Chicago', 'America/New_York'), ['quiet.federal', 'quiet.fl', 'quiet.tx'])
    >>> arizona = place_of("America/Phoenix", None, None)
    >>> [law.id for law in arizona.clocks[0][1]], arizona.any_state
    (['quiet.federal'], True)
    >>> dict(place_of(None, None, None).clocks)["America/Denver"][-1].id
    'quiet.holiday_ut'
    """
    zones, basis = zones_of(timezone, state, phone)
    return _place(zones, basis, states_of(state), state_of_phone(phone))


def laws_of(state: str | None, phone: str | None, timezone: str | None = None) -> tuple[LegalHours, ...]:
    """Give all laws that hold on any clock a person may have.

    >>> [law.id for law in laws_of("Birmingham, AL", None)]
    ['quiet.federal', 'quiet.al', 'quiet.holiday_al']
    """
    held = {law.id for _, laws in place_of(timezone, state, phone).clocks for law in laws}
    return tuple(law for law in LAWS if law.id in held)


@lru_cache(maxsize=4096)
def _place(zones: tuple[str, ...], basis: Basis, told: tuple[str, ...], called: str | None) -> Place:
    named = {*told, called} - {None}
    here = {code for zone in zones for code in PLACES.zones.get(zone, ())}
    # a number is kept when people move: one whose state lies elsewhere does not tell the state
    moved = basis == "contact" and called not in here
    any_state = bool(here) and not told and (called is None or moved)
    clocks = ((zone, _laws({*named, *(PLACES.zones.get(zone, ()) if any_state else ())})) for zone in zones)
    return Place(basis=basis, clocks=tuple(clocks), any_state=any_state)


def _laws(states: Collection[str | None]) -> tuple[LegalHours, ...]:
    return tuple(law for law in LAWS if law.state == "*" or law.state in states)


def _contact_zones(timezone: str | None) -> tuple[str, ...]:
    """Give the zones a contact's own word names; a CRM's default such as UTC is no place and tells nothing."""
    name = _OFFSET.sub("", " ".join((timezone or "").split()))
    alias = PLACES.aliases.get(name.casefold())
    if alias is not None:
        return alias
    placed = "/" in name and not name.casefold().startswith("etc/")
    return (name,) if placed and is_zone(name) else ()


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
    return tuple(sorted(filter(is_zone, zones)))


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


_EVERYWHERE = PLACES.everywhere
