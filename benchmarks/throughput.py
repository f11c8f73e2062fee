"""How much scoring goes through: single messages beside a task that commits one row, messages of 1,000 ids, in process.

Single messages are published to a queue that nobody consumes yet; then the worker is told to, and the rate is taken
from the times at which the tasks began, which their rows keep.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import func, select, text

from benchmarks import harness, simulated
from benchmarks.figures import Figures, Outcome, Ratio, median, rounded, spread
from benchmarks.harness import BACKGROUND, INTERACTIVE, SEED, Site
from benchmarks.imports import import_file
from db.models import Prediction
from db.repositories.predictions import predictions, snapshots
from db.session import EVERY_TENANT, reading
from ml.leads import LeadScorer
from ml.profiles import FeatureMatrix

QUEUE = "bench"
BATCH = 1000
#: messages of each kind before the first that counts: children open their connections and the model
WARM_UP = 60
SCORE_GOAL, BATCH_GOAL, IN_PROCESS_GOAL = 0.8, 3400.0, 1.0
KIND = "lead_score"


@dataclass(slots=True, kw_only=True)
class Bench:
    """A tenant with leads, and moments as of which nobody has scored them yet."""

    site: Site
    tenant_id: str
    lead_ids: Sequence[str]
    scorer: LeadScorer
    moments: Iterator[datetime]


def measure(quick: bool) -> Outcome:
    """Score on both databases; `quick`: on PostgreSQL."""
    rows, rounds, each, messages = (2000, 3, 150, 2) if quick else (10_000, 5, 1500, 10)
    figures: Figures = {}
    ratios: dict[str, Ratio] = {}
    for kind in harness.kinds(quick):
        with harness.site(kind) as site:
            bench = _bench(site, rows)
            _single(bench, WARM_UP)
            singles = [_single(bench, each) for _ in range(rounds)]
            figures[kind] = {**_singles(singles), **_batches(bench, messages, rounds)}
            if kind == "postgresql":
                figures["in_process_ms"] = spread(_in_process(bench))
        ratios |= _ratios(kind, figures[kind])
    ratios["in_process_p50_ms"] = Ratio(
        value=figures["in_process_ms"]["p50"],
        goal=IN_PROCESS_GOAL,
        better="lower",
        of="ms from a snapshot to a score with reasons",
    )
    return Outcome(data="simulated leads", rows=rows, seed=SEED, figures=figures, ratios=ratios)


def _ratios(kind: str, found: Figures) -> dict[str, Ratio]:
    single = Ratio(
        value=found["score_per_s"] / found["row_per_s"],
        goal=SCORE_GOAL,
        better="higher",
        of="scores committed a second over rows committed a second, two children",
    )
    batch = Ratio(
        value=found["batch_leads_per_s"],
        goal=BATCH_GOAL,
        better="higher",
        of="leads a second in messages of 1,000 ids, one child",
    )
    return {f"score_over_row.{kind}": single, f"batch_leads_per_s.{kind}": batch}


def _bench(site: Site, rows: int) -> Bench:
    table = simulated.write(site.files, rows)
    scorer = simulated.fit(table)
    tenant_id = simulated.tenant(site, scorer)
    import_file(site, tenant_id, table.path, profile="canonical")
    # a day apart and after the file's moment: within one scoring interval an unchanged lead keeps its snapshot
    moments = (simulated.MOMENT + timedelta(days=day) for day in count(1))
    lead_ids = simulated.lead_ids(tenant_id)
    return Bench(site=site, tenant_id=tenant_id, lead_ids=lead_ids, scorer=scorer, moments=moments)


def _single(bench: Bench, each: int) -> Figures:
    """One round: rows, then scores."""
    as_of, run = next(bench.moments), f"round-{next(_RUNS)}"
    asked = {"tenant_id": bench.tenant_id, "as_of": as_of.isoformat()}
    rows = _drained(bench.site, "bench.row", [{"run": run}] * each, lambda: _row_times(run))
    calls = [{**asked, "lead_id": lead_id} for lead_id in bench.lead_ids[:each]]
    scores = _drained(bench.site, "hearth.leads.score", calls, lambda: _score_times(bench.tenant_id, as_of))
    return {
        "row_per_s": rows[0],
        "score_per_s": scores[0],
        "row_published_per_s": rows[1],
        "score_published_per_s": scores[1],
    }


_RUNS = count(1)


def _singles(rounds: Sequence[Figures]) -> Figures:
    return {name: rounded(median([found[name] for found in rounds])) for name in rounds[0]}


def _drained(site: Site, task: str, calls: Sequence[dict[str, Any]], seen: Any) -> tuple[float, float]:
    """Tasks begun a second while the queue drains, and messages published a second before."""
    started = time.monotonic()
    for call in calls:
        site.send(task, kwargs=call, queue=QUEUE).backend = None
    published = len(calls) / (time.monotonic() - started)
    site.control("add_consumer", QUEUE, worker=INTERACTIVE)
    deadline = time.monotonic() + harness.PATIENCE
    while (times := seen())[0] < len(calls):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{task} does not get done")
        time.sleep(0.1)
    site.control("cancel_consumer", QUEUE, worker=INTERACTIVE)
    done, first, last = times
    return (done - 1) / (last - first).total_seconds(), published


def _row_times(run: str) -> tuple[int, datetime, datetime]:
    wanted = text("SELECT count(*), min(at), max(at) FROM bench_rows WHERE run = :run")
    with reading(EVERY_TENANT) as session:
        done, first, last = session.execute(wanted, {"run": run}).one()
    return done, *((datetime.fromisoformat(first), datetime.fromisoformat(last)) if done else (_NEVER, _NEVER))


_NEVER = datetime.min.replace(tzinfo=UTC)


def _score_times(tenant_id: str, as_of: datetime) -> tuple[int, datetime, datetime]:
    at = Prediction.computed_at
    wanted = select(func.count(), func.min(at), func.max(at)).where(
        Prediction.tenant_id == tenant_id, Prediction.as_of == as_of
    )
    with reading(EVERY_TENANT) as session:
        done, first, last = session.execute(wanted).one()
    return done, first or _NEVER, last or _NEVER


def _batches(bench: Bench, messages: int, rounds: int) -> Figures:
    """Leads a second in messages of 1,000 ids, with one child and with two."""
    one = [_batch(bench, messages) for _ in range(rounds)]
    bench.site.control("pool_grow", 1, worker=BACKGROUND)
    two = [_batch(bench, messages) for _ in range(rounds)]
    bench.site.control("pool_shrink", 1, worker=BACKGROUND)
    return {"batch_leads_per_s": rounded(median(one)), "batch_leads_per_s_two_children": rounded(median(two))}


def _batch(bench: Bench, messages: int) -> float:
    as_of, site = next(bench.moments), bench.site
    chosen = list(bench.lead_ids[: messages * BATCH])
    asked = {"tenant_id": bench.tenant_id, "as_of": as_of.isoformat()}
    started = time.monotonic()
    sent = [
        site.send("hearth.leads.score", kwargs={**asked, "lead_ids": chosen[start : start + BATCH]}, queue="batch")
        for start in range(0, len(chosen), BATCH)
    ]
    scored = sum(harness.answer_of(result)["data"]["scored"] for result in sent)
    return float(scored / (time.monotonic() - started))


def _in_process(bench: Bench, most: int = 1000) -> list[float]:
    """Milliseconds from one stored snapshot's features to a score with three reasons each way."""
    with reading(EVERY_TENANT) as session:
        latest = predictions.latest(session, bench.tenant_id, kind=KIND, lead_ids=bench.lead_ids[:most])
        taken = snapshots.get(session, bench.tenant_id, snapshot_ids=[found.snapshot_id for found in latest])
    return [_scored(bench.scorer, snapshot.features) for snapshot in taken]


def _scored(scorer: LeadScorer, features: Any) -> float:
    started = time.perf_counter()
    scorer.score(FeatureMatrix.from_rows([features]), explain=3)
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    harness.run("throughput", measure)
