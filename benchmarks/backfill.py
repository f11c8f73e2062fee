"""Importing a CSV into PostgreSQL, beside a bare script over the same file; with one batch worker and with two."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import backfill_stream, bank, bare, harness, simulated
from benchmarks.figures import Figures, Outcome, Ratio, median, rounded
from benchmarks.harness import BACKGROUND, SEED, Site
from benchmarks.imports import import_file, rows_of
from benchmarks.simulated import Table
from ml.leads import LeadScorer

BARE_GOAL, WORKERS_GOAL = 1.5, 1.7
BATCH = 1000
#: the tenant of the long file
STREAM = "bench-stream"

Seconds = dict[str, list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A file, how Hearth is asked to import it, and the model that both sides predict with."""

    table: Table
    options: Mapping[str, Any]
    scorer: LeadScorer
    rows: int


def measure(quick: bool) -> Outcome:
    """Import each file in turn with the bare script, as often as there are rounds."""
    leads, bank_rows, rounds = (3000, 3000, 1) if quick else (20_000, None, 3)
    figures: Figures = {"unit": "seconds to the commit", "rounds": rounds}
    ratios: dict[str, Ratio] = {}
    with harness.site("postgresql") as site:
        cases = _cases(site, leads, bank_rows)
        _warm_up(site, cases["simulated"].scorer)
        for name, case in cases.items():
            seconds, found = _seconds(site, case, rounds)
            figures[name] = {**_figures(case, seconds), "rows_by_outcome": found}
            ratios |= _ratios(name, {what: median(taken) for what, taken in seconds.items()})
    rows = sum(case.rows for case in cases.values())
    return Outcome(data=" and ".join(cases), rows=rows, seed=SEED, figures=figures, ratios=ratios)


def _cases(site: Site, leads: int, bank_rows: int | None) -> dict[str, Case]:
    cases = {"simulated": _case(simulated.write(site.files, leads), {"profile": "canonical"})}
    table = bank.table(site.files, most=bank_rows)
    return cases if table is None else {**cases, "bank_marketing": _case(table, bank.options())}


def _warm_up(site: Site, scorer: LeadScorer) -> None:
    """The first import and the first score of a worker open its connections and its model."""
    tenant_id = simulated.tenant(site, scorer)
    import_file(site, tenant_id, simulated.write(site.files, 300).path, profile="canonical")
    _score(site, tenant_id)


def _case(table: Table, options: Mapping[str, Any]) -> Case:
    with table.path.open(encoding="utf-8", newline="") as lines:
        rows = sum(1 for _ in csv.reader(lines)) - 1
    return Case(table=table, options=options, scorer=simulated.fit(table), rows=rows)


def _seconds(site: Site, case: Case, rounds: int) -> tuple[Seconds, dict[str, int]]:
    """Ours, bare, ours, bare …; then with a second worker. With what became of the rows, each time the same."""
    found: list[dict[str, int]] = []
    seconds: Seconds = {name: [] for name in ("import", "score", "bare", "bare_unscored", "import_two_workers")}
    for _ in range(rounds):
        tenant_id = simulated.tenant(site, case.scorer)
        seconds["import"].append(import_file(site, tenant_id, case.table.path, **case.options))
        found.append(rows_of(tenant_id))
        seconds["bare"].append(bare.run(case.table, case.scorer, site.url))
        seconds["score"].append(_score(site, tenant_id))
        seconds["bare_unscored"].append(bare.run(case.table, None, site.url))
    site.control("pool_grow", 1, worker=BACKGROUND)
    for _ in range(rounds):
        tenant_id = simulated.tenant(site, case.scorer)
        seconds["import_two_workers"].append(import_file(site, tenant_id, case.table.path, **case.options))
        found.append(rows_of(tenant_id))
    site.control("pool_shrink", 1, worker=BACKGROUND)
    if any(rows != found[0] or rows["read"] != case.rows for rows in found):
        raise RuntimeError(f"of the same {case.rows} rows there came {found}")
    return seconds, found[0]


def _score(site: Site, tenant_id: str) -> float:
    """Seconds until every lead of the import has its score stored, in messages of 1,000 ids."""
    started, lead_ids = time.monotonic(), list(simulated.lead_ids(tenant_id))
    sent = [
        site.send(
            "hearth.leads.score",
            kwargs={"tenant_id": tenant_id, "lead_ids": lead_ids[start : start + BATCH]},
            queue="batch",
        )
        for start in range(0, len(lead_ids), BATCH)
    ]
    for result in sent:
        harness.answer_of(result)
    return time.monotonic() - started


def _figures(case: Case, seconds: Seconds) -> Figures:
    middle = {name: median(taken) for name, taken in seconds.items()}
    rates = {f"{name}_rows_per_s": rounded(case.rows / taken) for name, taken in middle.items()}
    return {"rows": case.rows, **{name: rounded(taken) for name, taken in middle.items()}, **rates}


def _ratios(name: str, taken: Mapping[str, float]) -> dict[str, Ratio]:
    ours = {"import": taken["import"], "import_and_score": taken["import"] + taken["score"]}
    over = {
        f"{what}_over_bare.{name}": Ratio(
            value=seconds / taken["bare"],
            goal=BARE_GOAL,
            better="lower",
            of=f"{what.replace('_', ' ')}, one worker, over read + predict + COPY",
        )
        for what, seconds in ours.items()
    }
    speed_up = Ratio(
        value=taken["import"] / taken["import_two_workers"],
        goal=WORKERS_GOAL,
        better="higher",
        of="one worker's time over two workers'; the goal is for four cores",
    )
    return {**over, f"two_workers.{name}": speed_up}


def stream(rows: int) -> Outcome:
    """Only the long file, since it takes its time."""
    with harness.site("postgresql") as site:
        site.call("hearth.tenants.configure", tenant_id=STREAM, settings={})
        figures, ratios = backfill_stream.measure(site, STREAM, rows)
    return Outcome(data="generated rows, one in a hundred bad", rows=rows, seed=SEED, figures=figures, ratios=ratios)


def main() -> None:
    """The command line: all files beside the bare script, or one long file alone."""
    options = harness.parser("Measures backfill.")
    options.add_argument("--rows", type=int, help="only stream so many generated rows: speed, memory, counts")
    asked = options.parse_args()
    harness.show("backfill", asked.quick, lambda: stream(asked.rows) if asked.rows else measure(asked.quick))


if __name__ == "__main__":
    main()
