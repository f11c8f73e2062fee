"""Exports of CRMs with close dates, of simulated people; how each of them ends is known, also of the open ones.

A person's chance depends on source, timeline and interest alone. Who wins is closed days after the last contact; who
loses at once, as junk, or after months of silence; the CRM goes on stamping for a while. So the time of the end tells
how it ended, as in a real CRM, and nothing of an open lead.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

SOURCES = {"Referral": 1.2, "Open House": 0.4, "Zillow": -0.3, "Facebook": -1.0}
TIMELINES = {"0-3": 0.9, "3-6": 0.2, "6-12": -0.4, "12+": -0.9}
#: the moment at which the exports were made
EXPORTED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
#: share of the lost who are given up within days
JUNK = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A simulated lead as its CRM knows it, and what nobody knows yet."""

    number: int
    source: str
    timeline: str
    budget: int
    created_at: datetime
    #: None: open when the export was made
    closed_at: datetime | None
    contacted_at: datetime
    active_at: datetime
    visits: int
    opened: int
    #: how it ends, also of the open ones
    won: bool
    #: its true chance
    chance: float

    @property
    def stage_changed_at(self) -> datetime:
        """Return when the CRM stamped its stage last."""
        return self.closed_at or self.contacted_at


def people(count: int, *, seed: int) -> list[Person]:
    """Return simulated leads of the 600 days before the export; about a quarter of them is open."""
    draw = np.random.default_rng(seed)
    return [_person(number, draw) for number in range(count)]


def _person(number: int, draw: np.random.Generator) -> Person:
    source, timeline = str(draw.choice(list(SOURCES))), str(draw.choice(list(TIMELINES)))
    interest = float(draw.normal())
    chance = 1 / (1 + math.exp(0.9 - SOURCES[source] - TIMELINES[timeline] - 0.9 * interest))
    won = bool(draw.random() < chance)
    created = EXPORTED - timedelta(days=float(draw.uniform(1, 600)))
    closed = created + timedelta(days=_lasts(draw, won=won))
    is_open = closed > EXPORTED
    known_until = min(closed, EXPORTED)
    silent = timedelta(days=float(draw.uniform(0.2, 3) if won and not is_open else draw.uniform(3, 60)))
    contacted = max(known_until - silent, created + (known_until - created) * 0.3)
    stamped = min(closed + timedelta(days=float(draw.uniform(0, 20))), EXPORTED)
    return Person(
        number=number,
        source=source,
        timeline=timeline,
        budget=int(draw.integers(20, 90)) * 10_000,
        created_at=created,
        closed_at=None if is_open else closed,
        contacted_at=contacted,
        active_at=contacted if is_open or (not won and draw.random() < 0.5) else stamped,
        visits=int(draw.poisson(6 * math.exp(0.5 * interest))),
        opened=int(draw.poisson(3 * math.exp(0.5 * interest))),
        won=won,
        chance=chance,
    )


def _lasts(draw: np.random.Generator, *, won: bool) -> float:
    if won:
        return float(draw.lognormal(math.log(70), 0.6))
    return float(draw.uniform(0.5, 4) if draw.random() < JUNK else draw.lognormal(math.log(130), 1.0))


def hubspot(persons: Iterable[Person]) -> list[dict[str, str]]:
    """Return the rows of a HubSpot-like export of contacts."""
    return [
        _contact(person)
        | {
            "Record ID - Contact": str(9000 + person.number),
            "Lifecycle Stage": "Customer" if _ended(person) == "won" else "Lead",
            "Lead Status": {"won": "Connected", "lost": "Unqualified", "open": "In Progress"}[_ended(person)],
            "Create Date": _stamp(person.created_at),
            "Close Date": _stamp(person.closed_at),
            "Last Activity Date": _stamp(person.active_at),
            "Last Contacted": _stamp(person.contacted_at),
            "Original Traffic Source": person.source,
            "Number of Sessions": str(person.visits),
            "Marketing emails opened": str(person.opened),
        }
        for person in persons
    ]


def highlevel(persons: Iterable[Person]) -> list[dict[str, str]]:
    """Return the rows of a HighLevel-like export of opportunities: every closed one has the date of its last change."""
    return [
        {
            "Opportunity name": f"deal {person.number}",
            "Contact Name": f"Sim{person.number} Person{person.number}",
            "phone": "",
            "email": f"sim{person.number}@example.com",
            "pipeline": "Buyers",
            "stage": {"won": "Keys", "lost": "Dropped", "open": "Talking"}[_ended(person)],
            "Lead Value": str(person.budget),
            "source": person.source,
            "assigned": "ada.quill",
            "Created on": person.created_at.isoformat(),
            "lost reason name": "No response" if _ended(person) == "lost" else "",
            "Followers": "",
            "Engagement score": str(person.visits + person.opened),
            "status": _ended(person),
            "Opportunity ID": f"opp{person.number}",
            "Contact ID": f"con{person.number}",
            "Last Stage Change Date": person.stage_changed_at.isoformat(),
            "Last Status Change Date": "" if person.closed_at is None else person.closed_at.isoformat(),
            "Timeline": person.timeline,
        }
        for person in persons
    ]


def write(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """Write rows as a CSV file."""
    every = list(rows)
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(every[0]))
        writer.writeheader()
        writer.writerows(every)
    return path


def _contact(person: Person) -> dict[str, str]:
    return {
        "First Name": f"Sim{person.number}",
        "Last Name": f"Person{person.number}",
        "Email": f"sim{person.number}@example.com",
        "Contact Type": "Buyer",
        "Timeline": person.timeline,
    }


def _ended(person: Person) -> str:
    return "open" if person.closed_at is None else "won" if person.won else "lost"


def _stamp(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M")
