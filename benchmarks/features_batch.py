"""Features of many leads at once, against the same leads one at a time; and the groups in turn against side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np

from benchmarks import harness
from benchmarks.figures import Figures, Outcome, Ratio, median, rounded
from benchmarks.harness import SEED
from benchmarks.simulated import MOMENT
from domain.emotions import EMOTIONAL_STATES
from ml.features import behavioral, contextual, emotional, extract, temporal
from ml.features.events import collect
from ml.profiles import FactSignal, Interaction, LeadProfile, MessageSignal

GOAL = 54.0
KINDS = ("listing_view", "sms", "email_opened", "showing", "call", "search")
SOURCES = ("referral", "portal", "website", "open house")
#: leads of the batches for which the groups are extracted in turn and side by side
BATCHES = (200, 2_000, 20_000)


def measure(quick: bool) -> Outcome:
    """The same leads both ways, in turn."""
    rows, alone, rounds = (2000, 200, 3) if quick else (20_000, 1000, 7)
    figures: Figures = {}
    ratios = {}
    for name, most, said in (("attributes", 0, 0), ("with_events", 6, 0), ("with_messages", 6, 4)):
        profiles = made(rows, most, said)
        taken = [_both(profiles, alone) for _ in range(rounds)]
        together, single = median([pair[0] for pair in taken]), median([pair[1] for pair in taken])
        figures[name] = {"together_leads_per_s": rounded(1 / together), "alone_leads_per_s": rounded(1 / single)}
        of = f"time a lead of {alone} leads one at a time, over that of {rows} at once ({name.replace('_', ' ')})"
        ratios[f"batch.{name}"] = Ratio(value=single / together, goal=GOAL, better="higher", of=of)
    profiles = made(rows, 6, 4)
    sizes = [size for size in BATCHES if size <= rows]
    figures["extractors"] = {str(size): _extractors(profiles[:size], rounds) for size in sizes}
    return Outcome(data="simulated leads", rows=rows, seed=SEED, figures=figures, ratios=ratios)


def made(rows: int, most: int, said: int = 0) -> list[LeadProfile]:
    """Leads with up to `most` events and up to `said` messages that were read."""
    rng = np.random.default_rng(SEED)
    return [
        _lead(rng, number, int(rng.integers(0, most + 1)), int(rng.integers(0, said + 1)) if said else 0)
        for number in range(rows)
    ]


def _lead(rng: np.random.Generator, number: int, events: int, messages: int) -> LeadProfile:
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
        messages=tuple(_message(rng, number) for number in range(messages)),
    )


def _message(rng: np.random.Generator, number: int) -> MessageSignal:
    moment = MOMENT - timedelta(days=float(rng.uniform(0, 60)))
    shares = rng.dirichlet(np.ones(len(EMOTIONAL_STATES)))
    polarity, vader, textblob = rng.uniform(-1, 1, size=3)
    question = FactSignal(kind="question", value=None, bound=None, confidence=0.9)
    return MessageSignal(
        event_id=str(number),
        occurred_at=moment,
        recorded_at=moment,
        polarity=float(polarity),
        vader=float(vader),
        textblob=float(textblob),
        state=EMOTIONAL_STATES[int(shares.argmax())],
        confidence=float(shares.max()),
        tones=dict(zip(EMOTIONAL_STATES, shares.tolist(), strict=True)),
        facts=(question,) if rng.random() < 0.3 else (),
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


def _extractors(profiles: Sequence[LeadProfile], rounds: int) -> Figures:
    """The four groups in turn and in four threads: Python holds one lock, so this gives whatever it gives."""
    events, messages = collect(profiles), emotional.collect(profiles)
    groups: dict[str, Callable[[], object]] = {
        "behavioral": lambda: behavioral.columns(profiles, events),
        "temporal": lambda: temporal.columns(profiles, events),
        "contextual": lambda: (contextual.columns(profiles), contextual.custom(profiles)),
        "emotional": lambda: (emotional.columns(profiles, messages), emotional.categories(profiles, messages)),
    }
    in_turn, side_by_side, alone = [], [], {name: list[float]() for name in groups}
    with ThreadPoolExecutor(len(groups)) as pool:
        for _ in range(rounds):
            for name, group in groups.items():
                alone[name].append(_seconds(group))
            in_turn.append(_seconds(lambda: [group() for group in groups.values()]))
            side_by_side.append(_seconds(lambda: list(pool.map(_called, groups.values()))))
    turn, beside = 1000 * median(in_turn), 1000 * median(side_by_side)
    return {
        "alone_ms": {name: rounded(1000 * median(seconds)) for name, seconds in alone.items()},
        "in_turn_ms": rounded(turn),
        "side_by_side_ms": rounded(beside),
        "side_by_side_over_in_turn": rounded(beside / turn),
    }


def _called(group: Callable[[], object]) -> object:
    return group()


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    harness.run("features_batch", measure)
