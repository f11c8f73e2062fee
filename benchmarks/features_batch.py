"""Features of many leads at once, against the same leads one at a time; and the groups in turn against side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np

from benchmarks import harness
from benchmarks.figures import Outcome, Ratio, median, rounded
from benchmarks.harness import SEED
from benchmarks.simulated import MOMENT
from ml.features import behavioral, contextual, extract, temporal
from ml.features.events import collect
from ml.profiles import Interaction, LeadProfile

GOAL = 54.0
KINDS = ("listing_view", "sms", "email_opened", "showing", "call", "search")
SOURCES = ("referral", "portal", "website", "open house")


def measure(quick: bool) -> Outcome:
    """The same leads both ways, in turn."""
    rows, alone, rounds = (2000, 200, 3) if quick else (20_000, 1000, 7)
    figures, ratios = {}, {}
    for name, most in (("attributes", 0), ("with_events", 6)):
        profiles = made(rows, most)
        taken = [_both(profiles, alone) for _ in range(rounds)]
        together, single = median([pair[0] for pair in taken]), median([pair[1] for pair in taken])
        figures[name] = {"together_leads_per_s": rounded(1 / together), "alone_leads_per_s": rounded(1 / single)}
        of = f"time a lead of {alone} leads one at a time, over that of {rows} at once ({name.replace('_', ' ')})"
        ratios[f"batch.{name}"] = Ratio(value=single / together, goal=GOAL, better="higher", of=of)
    figures["extractors"] = _extractors(made(rows, 6), rounds)
    return Outcome(data="simulated leads", rows=rows, seed=SEED, figures=figures, ratios=ratios)


def made(rows: int, most: int) -> list[LeadProfile]:
    """Leads with up to `most` events each."""
    rng = np.random.default_rng(SEED)
    return [_lead(rng, number, int(rng.integers(0, most + 1))) for number in range(rows)]


def _lead(rng: np.random.Generator, number: int, events: int) -> LeadProfile:
    counts = {"showings": rng.poisson(1.5), "emails_opened": rng.poisson(4), "emails_sent": 9, "budget_max": 4e5}
    return LeadProfile(
        lead_id=str(number),
        as_of=MOMENT,
        created_at=MOMENT - timedelta(days=float(rng.uniform(1, 200))),
        source=SOURCES[rng.integers(len(SOURCES))],
        timeline=("0-3", "3-6", None)[rng.integers(3)],
        numbers={name: float(value) for name, value in counts.items()},
        times={"last_replied_at": MOMENT - timedelta(days=float(rng.exponential(20)))},
        custom={"Income": float(rng.lognormal(4, 0.6)), "Pool": "yes" if rng.random() < 0.5 else "no"},
        interactions=tuple(_event(rng) for _ in range(events)),
    )


def _event(rng: np.random.Generator) -> Interaction:
    moment = MOMENT - timedelta(days=float(rng.uniform(0, 60)))
    side = ("inbound", "outbound")[rng.integers(2)]
    return Interaction(kind=KINDS[rng.integers(len(KINDS))], occurred_at=moment, recorded_at=moment, direction=side)


def _both(profiles: Sequence[LeadProfile], alone: int) -> tuple[float, float]:
    """Seconds a lead: at once, one at a time."""
    together = _seconds(lambda: extract(profiles)) / len(profiles)
    single = _seconds(lambda: [extract([profile]) for profile in profiles[:alone]]) / alone
    return together, single


def _extractors(profiles: Sequence[LeadProfile], rounds: int) -> dict[str, float]:
    """The groups in turn and in three threads: Python holds one lock, so this gives whatever it gives."""
    events = collect(profiles)
    groups: list[Callable[[], object]] = [
        lambda: behavioral.columns(profiles, events),
        lambda: temporal.columns(profiles, events),
        lambda: contextual.columns(profiles),
    ]
    with ThreadPoolExecutor(len(groups)) as pool:
        side_by_side = [_seconds(lambda: list(pool.map(lambda group: group(), groups))) for _ in range(rounds)]
    in_turn = [_seconds(lambda: [group() for group in groups]) for _ in range(rounds)]
    turns = {"in_turn_ms": 1000 * median(in_turn), "side_by_side_ms": 1000 * median(side_by_side)}
    return {name: rounded(value) for name, value in turns.items()}


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    harness.run("features_batch", measure)
