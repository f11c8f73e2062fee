"""What making signals costs the door of events, how fast horizons are looked at, and how well labels are balanced.

Events of a CRM are applied in batches as a worker applies them, with signals and without, in turn, on PostgreSQL. The
broker is left out. Then snapshots are labelled whose horizon has passed. Then leads that answer at known rates are
simulated, and the share of positive signals is held against the share that is true.
"""

from __future__ import annotations

import random
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import exp
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from pydantic import SecretStr

from benchmarks import harness
from benchmarks.figures import Figures, Outcome, Ratio, median, rounded
from benchmarks.harness import SEED
from db import session as sessions
from db.records import DueSnapshot, EventDraft, MaturityCursor
from db.repositories.events import events
from domain.targets import MEANINGS
from migrations import commands
from tasks.churn import predict
from tasks.events.ingest import ingest
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.online.mature import mature
from tasks.runtime.batching import Call
from tasks.runtime.files import workspace
from tasks.services.online.maturing import is_last_of_its_time
from tasks.tenants import configure
from workers.base import database
from workers.base.settings import Settings

T = "acme"
#: messages that share a transaction
BATCH = 32
#: batches that are not counted
WARM = 3
#: name -> how many of a hundred events are a reply; the others are views of a listing
MIXES = {"views": 0, "one_in_five_replies": 20, "replies": 100}
#: replies a week of a simulated lead
RATES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
HORIZON = MEANINGS["reply"].horizon
DAY = timedelta(days=1)


def measure(quick: bool) -> Outcome:
    """Both parts."""
    batches = 12 if quick else 60
    leads, days = (40, 365) if quick else (400, 365)
    with _database():
        seconds = _ingested(batches)
        labelled = {target: rounded(rate) for target, rate in _matured(200 if quick else 1_000)}
    shares = {f"{rate:g}_a_week": _shares(rate, leads, days) for rate in RATES}
    figures: Figures = {
        "ingest_ms_an_event": {
            mix: {arm: rounded(1000 * median(taken) / BATCH) for arm, taken in arms.items()}
            for mix, arms in seconds.items()
        },
        "labels_a_second_when_the_horizon_has_passed": labelled,
        "share_of_positive_signals": {
            rate: {name: rounded(share) for name, share in told.items()} for rate, told in shares.items()
        },
    }
    usual = seconds["one_in_five_replies"]
    rare = [told for rate, told in zip(RATES, shares.values(), strict=True) if rate <= 0.2]
    ratios = {
        "ingest": Ratio(
            value=median(usual["with"]) / median(usual["without"]),
            goal=1.15,
            better="lower",
            of="time of a batch of events of which one in five is a reply, over the same without signals",
        ),
        "balance": Ratio(
            value=max(abs(told["signals"] - told["true"]) for told in rare),
            goal=0.02,
            better="lower",
            of="largest difference of the share of positive signals from the true share, up to a reply in five weeks",
        ),
    }
    return Outcome(data="simulated leads", rows=leads * len(RATES), seed=SEED, figures=figures, ratios=ratios)


@dataclass(slots=True)
class _Leads:
    """Scored leads, each of which is told of once."""

    taken: int = 0

    def messages(self, number: int, mix: int, at: datetime) -> list[dict[str, Any]]:
        first, self.taken = self.taken, self.taken + number
        return [_told(lead, at, reply=(lead * 37) % 100 < mix) for lead in range(first, first + number)]


def _told(lead: int, at: datetime, *, reply: bool) -> dict[str, Any]:
    what = {"kind": "sms", "direction": "inbound"} if reply else {"kind": "listing_view"}
    event = {"id": f"e{lead}", "lead": {"external_id": f"L{lead}"}, "at": at.isoformat(), **what}
    return {"tenant_id": T, "provider": "generic", "events": [event]}


def _ingested(batches: int) -> dict[str, dict[str, list[float]]]:
    """The seconds of each batch by mix and arm, in turn; the first ones, which fill caches, are not counted."""
    leads = _Leads()
    seconds: dict[str, dict[str, list[float]]] = {mix: {"without": [], "with": []} for mix in MIXES}
    _scored((batches + WARM) * BATCH * 2 * len(MIXES))
    for number in range(batches + WARM):
        for mix, replies in MIXES.items():
            for arm in ("without", "with") if number % 2 else ("with", "without"):
                told = leads.messages(BATCH, replies, datetime.now(UTC))
                taken = _applied(told, signals=arm == "with")
                seconds[mix][arm] += [taken] if number >= WARM else []
    return seconds


def _applied(messages: Sequence[dict[str, Any]], *, signals: bool) -> float:
    with ExitStack() as stack:
        stack.enter_context(patch("tasks.runtime.outbox.publish", lambda *_: None))
        if not signals:
            stack.enter_context(patch("tasks.events.ingest.join_signals", lambda *_: 0))
        started = time.perf_counter()
        ingest.prepare([Call(task_id=_id(kwargs), kwargs=kwargs) for kwargs in messages])
        answered = [ingest.apply(kwargs=kwargs, task_id=_id(kwargs)).get() for kwargs in messages]
        taken = time.perf_counter() - started
    if not all(answer["data"]["accepted"] for answer in answered):
        raise RuntimeError("some event was not taken in")
    return taken


def _id(kwargs: dict[str, Any]) -> str:
    return str(kwargs["events"][0]["id"])


@contextmanager
def _database() -> Iterator[None]:
    """Bind this process to an empty PostgreSQL."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="hearth-bench-home-")))
        url = stack.enter_context(harness.postgresql())
        database.bind(Settings(home=folder, database_url=SecretStr(url), redis_url=None, keys=None))
        stack.callback(sessions.dispose)
        commands.upgrade(url)
        workspace.bind(folder, import_roots=[])
        yield


def _scored(number: int) -> None:
    configure(tenant_id=T, settings={})
    yesterday = (datetime.now(UTC) - DAY).isoformat()
    for first in range(0, number, 500):
        told = [{"external_id": f"L{each}", "lead_type": "buyer"} for each in range(first, min(first + 500, number))]
        lead_ids = upsert(tenant_id=T, leads=told)["data"]["lead_ids"]
        score(tenant_id=T, lead_ids=lead_ids, as_of=yesterday)


def _matured(number: int) -> Iterator[tuple[str, float]]:
    """Yield how many snapshots a second are labelled, by target: of leads that were called once and did not answer."""
    now, names = datetime.now(UTC), [f"M{each}" for each in range(number)]
    lead_ids = upsert(tenant_id=T, leads=[{"external_id": name, "lead_type": "buyer"} for name in names])["data"][
        "lead_ids"
    ]
    at = now - 45 * DAY
    called = EventDraft(kind="call", direction="outbound", occurred_at=at, recorded_at=at, source_id="call")
    with sessions.transaction(T) as session:
        events.add_many(session, T, drafts={lead_id: [called] for lead_id in lead_ids})
    score(tenant_id=T, lead_ids=lead_ids, as_of=(now - 10 * DAY).isoformat())
    predict(tenant_id=T, lead_ids=lead_ids, as_of=(now - 40 * DAY).isoformat())
    for target in ("reply", "churned"):
        with patch("tasks.online.mature.TARGETS", (target,)), patch("tasks.runtime.outbox.publish", lambda *_: None):
            started = time.perf_counter()
            stored = mature(tenant_id=T)["data"]["signals"]
            yield target, stored / (time.perf_counter() - started)
        if stored < number:
            raise RuntimeError(f"{stored} of {number} snapshots were labelled for {target}")


def _shares(rate: float, leads: int, days: int) -> dict[str, float]:
    """The share of positive signals of leads that answer at a rate a week, beside others."""
    chance = random.Random(f"{SEED}:{rate}")
    positive = negative = every_quiet = 0
    for number in range(leads):
        replies = list(_poisson(chance, rate, days))
        taken = sorted([*_poisson(chance, 2.0, days), *(at + 0.001 for at in replies), 0.0])
        before = {taken[bisect_left(taken, at) - 1]: at for at in reversed(replies)}
        positive += sum(at - snapshot <= HORIZON / DAY for snapshot, at in before.items())
        quiet = [at for at in taken if at + 7 <= days and not _any_within(replies, at)]
        every_quiet += len(quiet)
        negative += sum(_is_chosen(f"lead-{number}", taken, at) for at in quiet)
    return {
        "true": 1 - exp(-rate),
        "signals": positive / (positive + negative),
        "if_every_quiet_snapshot_counted": positive / (positive + every_quiet),
    }


def _poisson(chance: random.Random, rate: float, days: int) -> Iterator[float]:
    """Yield the days at which something happens, at a rate a week."""
    at = chance.expovariate(rate / 7)
    while at < days:
        yield at
        at += chance.expovariate(rate / 7)


def _any_within(replies: Sequence[float], at: float) -> bool:
    place = bisect_left(replies, at)
    return place < len(replies) and replies[place] <= at + HORIZON / DAY


def _is_chosen(lead_id: str, taken: Sequence[float], at: float) -> bool:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    place = bisect_left(taken, at) + 1
    due = DueSnapshot(
        lead_id=lead_id,
        place=MaturityCursor(as_of=begin + at * DAY, snapshot_id=""),
        scored=None,
        next_at=begin + taken[place] * DAY if place < len(taken) else None,
    )
    return is_last_of_its_time(due, HORIZON)


if __name__ == "__main__":
    harness.run("signal_labels", measure)
