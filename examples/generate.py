"""Simulate a brokerage: write a CSV of invented leads whose true chances only the generator knows.

    python examples/generate.py --seed 7 --leads 1200 --out examples/leads.csv

Every name is invented, every address ends in example.com and every number lies in 555-0100 … 555-0199. The same seed
gives the same file, byte for byte. `truth` returns, for tests, what the file does not contain: each lead's true
probability, and the outcome of the open leads.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TextIO

NOW = datetime(2026, 11, 20, tzinfo=UTC)
CLOSED_SHARE = 0.60
#: chances of a row being messy in one way, and of one optional cell being blank
MESS = {"upper_email": 0.03, "written_budget": 0.04, "blank_cell": 0.03, "duplicate": 0.005, "phone_only": 0.005}

FIRST = ("Ada", "Bram", "Cleo", "Dario", "Elin", "Faro", "Greta", "Hugo", "Ines", "Joel", "Kaia", "Mira", "Oren", "Pia")
LAST = (
    "Abernal", "Brookhart", "Caldermoor", "Dunwick", "Eastlake", "Farrowby", "Glenhart", "Hollowell", "Ivesdale",
    "Jasperson", "Kettering", "Larkmoor", "Marlowe", "Northgate", "Oakridge", "Pemberly", "Ravensby", "Silverton",
)  # fmt: skip
AREA_CODES = ("305", "407", "561", "727", "772", "813", "850", "863", "904", "941", "954", "404", "678", "770", "912")
AGENTS = ("ada.quill", "ben.harrow", "cora.finch", "dev.lindal", "esme.torrin")
#: level -> (weight among leads, what it adds to the true log-odds)
SOURCES = {
    "portal": (34, -0.55), "website": (22, 0.05), "social_ad": (16, -0.70), "open_house": (10, 0.35),
    "referral": (12, 1.00), "sign_call": (6, 0.25),
}  # fmt: skip
TIMELINES = {"0-3": 0.95, "3-6": 0.35, "6-12": -0.25, "12+": -0.90, "unknown": -0.35}
PREAPPROVALS = {"none": -0.45, "started": 0.20, "preapproved": 0.85, "cash": 1.05}
LEAD_TYPES = {"buyer": (55, 0.0), "seller": (22, 0.30), "both": (8, 0.45), "investor": (8, -0.10), "renter": (7, -0.60)}
PROPERTIES = ("single_family", "condo", "townhouse", "multi_family", "land")
LOST_REASONS = ("went elsewhere", "stopped answering", "not ready", "financing")
OPTIONAL = ("phone", "source", "timeline", "preapproval", "property_type", "budget_min", "beds_min", "Commute minutes")
COLUMNS = (
    "external_id", "source_system", "email", "phone", "first_name", "last_name", "lead_type", "stage", "pipeline",
    "opportunity_status", "lost_reason", "deal_value", "source", "campaign", "tags", "created_at", "last_activity_at",
    "last_contacted_at", "last_replied_at", "closed_at", "stage_changed_at", "budget_min", "budget_max", "timeline",
    "preapproval", "property_type", "beds_min", "baths_min", "locations", "emails_sent", "emails_opened",
    "emails_clicked", "sms_in", "sms_out", "calls", "listing_views", "saved_listings", "saved_searches", "searches",
    "showings", "offers", "site_visits", "opt_in_email", "opt_in_sms", "dnd_email", "dnd_sms", "dnd_call",
    "unsubscribed_at", "assigned_to", "timezone", "state", "as_of", "label", "label_at",
    "Commute minutes", "Pool wanted", "Lender partner",
)  # fmt: skip

Row = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The facts about one lead that the simulation knows and the file does not contain."""

    #: chance that the lead converts, given everything the file shows about it
    probability: float
    #: whether it converts; for a closed lead the file says so too
    converts: bool
    #: whether the file shows the lead as open
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """A lead's behaviour between its creation and the moment that the file describes."""

    age_days: float
    counts: Mapping[str, int]
    #: days before `as_of`; None = never
    replied: float | None
    contacted: float | None
    active: float


def poisson(random: Random, mean: float) -> int:
    """Return a Poisson draw (Knuth); `mean` above 0 and small."""
    limit, product, count = math.exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count


def binomial(random: Random, trials: int, chance: float) -> int:
    """Return how many of `trials` succeed."""
    return sum(random.random() < chance for _ in range(trials))


def sigmoid(value: float) -> float:
    """Return the logistic function of a value."""
    return 1 / (1 + math.exp(-value))


def _pick(random: Random, levels: Mapping[str, tuple[int, float]]) -> str:
    return random.choices(list(levels), [weight for weight, _ in levels.values()])[0]


def _ordered(random: Random, levels: Mapping[str, float], intent: float) -> str:
    weights = [math.exp(0.5 * intent * worth) for worth in levels.values()]
    return random.choices(list(levels), weights)[0]


def _counts(random: Random, intent: float, age: float) -> dict[str, int]:
    sent, out = poisson(random, 1 + age / 12), poisson(random, 0.6 + age / 15)
    opened = binomial(random, sent, sigmoid(-0.2 + 0.6 * intent))
    showings = poisson(random, math.exp(-1.3 + 0.7 * intent))
    return {
        "emails_sent": sent,
        "emails_opened": opened,
        "emails_clicked": binomial(random, opened, sigmoid(-0.9 + 0.6 * intent)),
        "sms_out": out,
        "sms_in": binomial(random, out, sigmoid(-0.7 + 0.8 * intent)),
        "calls": poisson(random, math.exp(-0.3 + 0.4 * intent)),
        "listing_views": poisson(random, math.exp(1.7 + 0.6 * intent)),
        "saved_listings": poisson(random, math.exp(-0.4 + 0.7 * intent)),
        "saved_searches": poisson(random, math.exp(-0.9 + 0.5 * intent)),
        "searches": poisson(random, math.exp(1.1 + 0.5 * intent)),
        "showings": showings,
        "offers": binomial(random, showings, 0.08),
        "site_visits": poisson(random, math.exp(1.2 + 0.5 * intent)),
    }


def _behaviour(random: Random, intent: float, age: float) -> Behaviour:
    counts = _counts(random, intent, age)
    replied = min(random.expovariate(1 / (14 * math.exp(-0.5 * intent))), age * 0.9) if counts["sms_in"] else None
    contacted = min(random.expovariate(1 / 6), age * 0.9) if counts["sms_out"] + counts["calls"] else None
    active = min(random.expovariate(1 / (9 * math.exp(-0.5 * intent))), age * 0.95)
    return Behaviour(age_days=age, counts=counts, replied=replied, contacted=contacted, active=active)


def _log_odds(row: Row, did: Behaviour) -> float:
    """Return the true log-odds, from the visible facts. Constants set for a base rate of 18 % and an AUC of .85."""
    count = did.counts
    reply = -0.85 if did.replied is None else 0.75 - 0.045 * min(did.replied, 45)
    attributes = SOURCES[row["source"]][1] + LEAD_TYPES[row["lead_type"]][1]
    plans = TIMELINES[row["timeline"]] + PREAPPROVALS[row["preapproval"]]
    viewing = 0.35 * math.log1p(count["listing_views"]) + 0.40 * math.log1p(count["saved_listings"])
    meeting = 0.55 * min(count["showings"], 3) + 0.25 * min(count["emails_clicked"], 3)
    return -3.35 + 0.92 * (attributes + plans + reply) + viewing + meeting - 0.02 * min(did.active, 40)


def _person(random: Random, index: int) -> Row:
    first, last = random.choice(FIRST), random.choice(LAST)
    area, line = divmod(index, 100)
    phone = f"({AREA_CODES[area]}) 555-01{line:02d}" if area < len(AREA_CODES) else ""
    return {
        "external_id": f"SIM-{index + 1:05d}",
        "source_system": "simulated",
        "email": f"{first}.{last}.{index + 1}@example.com".lower(),
        "phone": phone,
        "first_name": first,
        "last_name": last,
        "timezone": "America/New_York",
        "state": "GA" if phone[1:4] in {"404", "678", "770", "912"} else "FL",
    }


def _wishes(random: Random, intent: float) -> Row:
    low = random.randrange(18, 90) * 10_000
    return {
        "lead_type": _pick(random, LEAD_TYPES),
        "source": _pick(random, SOURCES),
        "campaign": random.choice(("", "", "spring", "relocation", "first_home")),
        "tags": random.choice(("", "", "newsletter", "newsletter;open house", "relocating")),
        "pipeline": "residential",
        "timeline": _ordered(random, TIMELINES, intent),
        "preapproval": _ordered(random, PREAPPROVALS, intent),
        "property_type": random.choice(PROPERTIES),
        "budget_min": str(low),
        "budget_max": str(int(low * random.choice((1.1, 1.2, 1.35)))),
        "deal_value": str(int(low * 0.025)),
        "beds_min": str(random.randint(1, 5)),
        "baths_min": str(random.randint(1, 3)),
        "locations": random.choice(("Harbor Point", "Mill Creek", "Old Orchard", "Lakeside")),
        "assigned_to": random.choice(AGENTS),
        "Commute minutes": str(random.randrange(5, 75, 5)),
        "Pool wanted": random.choice(("yes", "no")),
        "Lender partner": random.choice(("Alder", "Birch", "Cedar", "")),
    }


def _consent(random: Random, as_of: datetime) -> Row:
    silent = random.random() < 0.02
    refused = {channel: silent or random.random() < 0.02 for channel in ("email", "sms", "call")}
    gone = random.random() < 0.015
    opted = {name: random.random() < 0.8 and not (refused[name] or gone) for name in ("email", "sms")}
    flags = {f"dnd_{name}": refused[name] for name in refused} | {f"opt_in_{name}": opted[name] for name in opted}
    written = {name: str(flag).lower() for name, flag in flags.items()}
    return {**written, "unsubscribed_at": _stamp(as_of - timedelta(minutes=10)) if gone else ""}


def _stamp(moment: datetime | None) -> str:
    return "" if moment is None else moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _ago(as_of: datetime, days: float | None) -> str:
    return "" if days is None else _stamp(as_of - timedelta(days=days))


def _stage(did: Behaviour) -> str:
    """Return the stage at that moment: it follows from the behaviour, not from the outcome."""
    if did.counts["showings"]:
        return "showing" if did.counts["showings"] > 1 else "appointment"
    if did.counts["sms_in"]:
        return "qualified" if did.counts["saved_listings"] > 1 else "engaged"
    return "contacted" if did.contacted is not None else "new"


def _times(random: Random, as_of: datetime, did: Behaviour) -> Row:
    return {
        "created_at": _ago(as_of, did.age_days),
        "last_activity_at": _ago(as_of, did.active),
        "last_contacted_at": _ago(as_of, did.contacted),
        "last_replied_at": _ago(as_of, did.replied),
        "stage_changed_at": _ago(as_of, did.age_days * random.uniform(0.1, 0.9)),
        "as_of": _stamp(as_of),
    }


def _fresh(random: Random) -> Behaviour:
    """Return an inquiry of the last hours that has not been answered."""
    counts = dict.fromkeys(_counts(Random(0), 0.0, 1.0), 0) | {"listing_views": 3, "site_visits": 1, "searches": 1}
    age = random.uniform(0.01, 0.4)
    return Behaviour(age_days=age, counts=counts, replied=None, contacted=None, active=age)


def _closing(random: Random, closed_at: datetime, converts: bool) -> Row:
    return {
        "opportunity_status": "won" if converts else "lost",
        "lost_reason": "" if converts else random.choice(LOST_REASONS),
        "closed_at": _stamp(closed_at),
        "label": "1" if converts else "0",
        "label_at": _stamp(closed_at),
    }


def _lead(random: Random, index: int, now: datetime) -> tuple[Row, Truth]:
    is_open, intent = random.random() >= CLOSED_SHARE, random.gauss(0, 1)
    age = 2 + min(random.expovariate(1 / 55), 240)
    gap = 0.0 if is_open else random.uniform(3, 40)
    as_of = now if is_open else now - timedelta(days=gap + random.uniform(0, 360))
    did = _fresh(random) if is_open and random.random() < 0.008 else _behaviour(random, intent, age)
    row = (
        dict.fromkeys(COLUMNS, "")
        | _person(random, index)
        | _wishes(random, intent)
        | _consent(random, as_of)
        | _times(random, as_of, did)
    )
    row |= {name: str(count) for name, count in did.counts.items()} | {
        "stage": _stage(did),
        "opportunity_status": "open",
    }
    probability = sigmoid(_log_odds(row, did))
    converts = random.random() < probability
    if not is_open:
        row |= _closing(random, as_of + timedelta(days=gap), converts)
    return row, Truth(probability=probability, converts=converts, open=is_open)


def _leads(seed: int, n: int, now: datetime) -> Iterator[tuple[Row, Truth]]:
    for index in range(n):
        yield _lead(Random(f"{seed}:{index}"), index, now)


def truth(seed: int, n: int) -> dict[str, Truth]:
    """Return external id -> truth, for the `n` leads of `seed`."""
    return {row["external_id"]: lead_truth for row, lead_truth in _leads(seed, n, NOW)}


def _written(amount: str) -> str:
    return f"${int(amount) // 1000}k"


def _messy(random: Random, row: Row) -> Row:
    """Return the row as people and systems write it: a few blanks, capitals and amounts in words."""
    messy = {
        name: "" if name in OPTIONAL and random.random() < MESS["blank_cell"] else cell for name, cell in row.items()
    }
    if random.random() < MESS["upper_email"]:
        messy["email"] = messy["email"].upper()
    if messy["budget_min"] and random.random() < MESS["written_budget"]:
        messy["budget_min"] = _written(messy["budget_min"])
    return messy


def _phone_only(row: Row) -> Row:
    """Return a row without an identity: a phone alone is none, so an import must reject the row."""
    return {**row, "external_id": "", "email": "", "first_name": "", "last_name": "", "phone": "(305) 555-0199"}


def rows(seed: int, n: int, now: datetime = NOW) -> list[Row]:
    """Return the file's rows: `n` leads by creation time, with the errors of `MESS` (a few rows more than `n`)."""
    random, written = Random(f"{seed}:mess"), []
    for row, _ in _leads(seed, n, now):
        written.append(_messy(random, row))
        if random.random() < MESS["duplicate"]:
            written.append(dict(written[-1]))
        if random.random() < MESS["phone_only"]:
            written.append(_phone_only(row))
    return sorted(written, key=lambda row: row["created_at"])


def write(target: TextIO, table: Sequence[Row]) -> None:
    """Write the rows as CSV with the canonical columns and three of the brokerage's own."""
    writer = csv.DictWriter(target, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def main() -> None:
    """Write the file that the command line asks for."""
    parser = argparse.ArgumentParser(description="Write a CSV of a simulated brokerage's leads.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--leads", type=int, default=1200)
    parser.add_argument(
        "--now", type=_moment, default=NOW, help="the moment of the file (ISO 8601, default %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=Path("examples/leads.csv"))
    options = parser.parse_args()
    table = rows(options.seed, options.leads, options.now)
    with options.out.open("w", encoding="utf-8", newline="") as target:
        write(target, table)
    sys.stdout.write(f"{options.out}: {len(table)} rows of {options.leads} simulated leads, seed {options.seed}\n")


if __name__ == "__main__":
    main()
