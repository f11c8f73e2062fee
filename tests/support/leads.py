"""A small simulated brokerage for the tests of the models; nothing in it is real."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from ml.features import extract
from ml.profiles import FeatureMatrix, Interaction, LeadProfile

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
SOURCES = ("referral", "portal", "website", "open house")


def lead(rng: np.random.Generator, number: int) -> tuple[LeadProfile, bool]:
    """Make a lead whose chance depends on its source, its showings and one own column."""
    source = SOURCES[rng.integers(len(SOURCES))]
    showings = int(rng.poisson(1.5))
    income = float(rng.lognormal(4, 0.6))
    replied = NOW - timedelta(days=float(rng.exponential(20)))
    odds = -2.5 + 0.8 * showings + (1.0 if source == "referral" else 0.0) + 0.01 * income
    custom = {"Income": income, "Pool": "Yes" if rng.random() < 0.5 else "No", "Ref": f"r{number}", "Age": 30.0}
    if rng.random() < 0.2:
        del custom["Income"]
    profile = LeadProfile(
        lead_id=str(number),
        as_of=NOW,
        created_at=NOW - timedelta(days=float(rng.uniform(1, 200))),
        source=source,
        campaign=f"campaign {rng.integers(60)}",
        timeline=("0-3", "3-6", None)[rng.integers(3)],
        numbers={"showings": float(showings), "budget_max": float(rng.integers(200, 900) * 1000)},
        times={"last_replied_at": replied} if rng.random() < 0.7 else {},
        custom=custom,
        interactions=tuple(events(rng, NOW, int(rng.integers(0, 6)))),
    )
    return profile, bool(rng.random() < 1 / (1 + np.exp(-odds)))


def events(rng: np.random.Generator, as_of: datetime, count: int) -> list[Interaction]:
    """Make events before `as_of`."""
    kinds = ("listing_view", "sms", "email_opened", "showing", "call")
    moments = [as_of - timedelta(days=float(rng.uniform(0, 60))) for _ in range(count)]
    return [
        Interaction(
            kind=kinds[rng.integers(len(kinds))],
            occurred_at=moment,
            recorded_at=moment,
            direction=("inbound", "outbound")[rng.integers(2)],
        )
        for moment in moments
    ]


def leads(count: int, *, seed: int = 0) -> tuple[list[LeadProfile], list[bool]]:
    """Make a brokerage's closed leads with their labels."""
    rng = np.random.default_rng(seed)
    made = [lead(rng, number) for number in range(count)]
    return [profile for profile, _ in made], [label for _, label in made]


def closed(count: int, *, seed: int = 0) -> tuple[FeatureMatrix, list[bool]]:
    """Make the features of a brokerage's closed leads, with labels."""
    profiles, labels = leads(count, seed=seed)
    return extract(profiles), labels
