"""Assessing one lead through the broker, beside a canvas of the same shape that does nothing.

Both are timed from the sender's clock to the moment at which the last task began (`assessments.finished_at`; the
answer of the noop's callback). The rounds alternate, so that whatever else the machine does meets all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from benchmarks import harness, simulated
from benchmarks.figures import Figures, Outcome, Ratio, percentile, spread
from benchmarks.harness import SEED, Site
from benchmarks.imports import import_file
from db.repositories.predictions import assessments
from db.session import EVERY_TENANT, reading

GOAL = 1.5
#: seconds between two looks at what has not ended yet, the same for both
LOOK_INTERVAL = 0.01
#: seconds after a round until its watchdogs have fired, so that they do not disturb the next one
REST = 2.2

Timer = Callable[[int], float]
Times = dict[str, list[float]]


def measure(quick: bool) -> Outcome:
    """Assess on both databases; `quick`: on PostgreSQL."""
    rounds, each = (3, 16) if quick else (10, 100)
    figures: Figures = {"unit": "ms from sending to the last task's begin", "rounds": rounds}
    ratios: dict[str, Ratio] = {}
    for kind in harness.kinds(quick):
        with harness.site(kind) as site:
            times = _times(site, rounds, each)
        figures[kind] = {name: spread(values) for name, values in times.items()}
        ratios |= _ratios(kind, times)
    rows = rounds * each
    return Outcome(data="simulated leads, one a message", rows=rows, seed=SEED, figures=figures, ratios=ratios)


def _ratios(kind: str, times: Times) -> dict[str, Ratio]:
    ours = percentile(times["assess"], 0.95)
    against = {"noop": "tasks that do nothing", "noop_commit": "tasks that commit one row each"}
    return {
        f"assess_p95_over_{name}.{kind}": Ratio(
            value=ours / percentile(times[name], 0.95), goal=GOAL, better="lower", of=f"p95 on {kind} over {what}"
        )
        for name, what in against.items()
    }


def _times(site: Site, rounds: int, each: int) -> Times:
    table = simulated.write(site.files, max(1200, rounds * each + each))
    tenant_id = simulated.tenant(site, simulated.fit(table))
    import_file(site, tenant_id, table.path, profile="canonical")
    timers: dict[str, Timer] = {
        "assess": partial(_assess, site, tenant_id, simulated.lead_ids(tenant_id)),
        "noop": partial(_noop, site, None),
        "noop_commit": partial(_noop, site, "canvas"),
    }
    for timer in timers.values():
        for index in range(each * rounds, each * rounds + min(10, each)):
            timer(index)
    times: Times = {name: [] for name in timers}
    for turn in range(rounds):
        for name, timer in timers.items():
            time.sleep(REST if name == "noop" else 0.2)
            times[name] += [timer(turn * each + index) for index in range(each)]
    return times


def _assess(site: Site, tenant_id: str, lead_ids: Sequence[str], index: int) -> float:
    sent = datetime.now(UTC)
    asked = {"tenant_id": tenant_id, "lead_id": lead_ids[index]}
    assessment_id = site.call("hearth.pipelines.assess", **asked)["assessment_id"]
    while True:
        with reading(EVERY_TENANT) as session:
            record = assessments.get(session, tenant_id, assessment_id=assessment_id)
        if record is not None and record.finished_at is not None:
            break
        time.sleep(LOOK_INTERVAL)
    if record.state != "ok":
        raise RuntimeError(f"an assessment ended {record.state}: the machine is too busy to measure it")
    return (record.finished_at - sent).total_seconds() * 1000


def _noop(site: Site, run: str | None, _index: int) -> float:
    sent, finish_id = datetime.now(UTC), str(uuid4())
    harness.answer_of(site.send("bench.entry", kwargs={"finish_id": finish_id, "run": run}))
    last = site.client.AsyncResult(finish_id)
    while not last.ready():
        time.sleep(LOOK_INTERVAL)
    return (datetime.fromisoformat(harness.answer_of(last)) - sent).total_seconds() * 1000


if __name__ == "__main__":
    harness.run("pipeline", measure)
