"""`python -m benchmarks.faults [--rounds N] [--only F1,F3] [--seed S] [--json]`: what became of accepted work."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from benchmarks import machine
from benchmarks.faults.suite import FAULTS, place, run
from benchmarks.harness import SEED

#: rows of F14's file, and with `--quick`
ROWS, FEWER_ROWS = 1_000_000, 200_000


def main() -> None:
    """Strike, count, print one JSON object; exits with 1 when a promise of the database was not kept."""
    asked = _parser().parse_args()
    names = asked.only.split(",") if asked.only else list(FAULTS)
    rows = asked.rows or (FEWER_ROWS if asked.quick else ROWS)
    told: dict[str, Any] = {"seed": asked.seed, "machine": machine.facts(), "faults": {}}
    for name in names:
        found = _strike(name, asked, rows)
        told["faults"][name] = found
        if not asked.json:
            sys.stderr.write(f"{name} {json.dumps(found)}\n")
    sys.stdout.write(json.dumps(told, allow_nan=False) + "\n")
    if any(_bad(found) for found in told["faults"].values()):
        raise SystemExit(1)


def _strike(name: str, asked: argparse.Namespace, rows: int) -> dict[str, Any]:
    fault, began = FAULTS[name], time.monotonic()
    rounds = 1 if name == "F14" else asked.rounds or fault.rounds
    with place(fault) as here:
        tally = run(fault, here, rounds=rounds, seed=asked.seed, options={"rate": asked.rate, "rows": rows})
    return tally.shown() | {"seconds": round(time.monotonic() - began, 1)}


def _bad(found: dict[str, Any]) -> bool:
    database = found["database"]
    return bool(database["lost"] or found["duplicate_effects"] or found["broken_chains"] or found["broken"])


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m benchmarks.faults", description="Strikes a real cluster.")
    made.add_argument("--rounds", type=int, help="rounds of each fault (F14 has one, with five kills)")
    made.add_argument("--only", help="ids of faults, separated by commas")
    made.add_argument("--seed", type=int, default=SEED)
    made.add_argument("--rate", type=int, default=100, help="jobs a second")
    made.add_argument("--rows", type=int, help=f"rows of the file of F14 ({ROWS}, {FEWER_ROWS} with --quick)")
    made.add_argument("--quick", action="store_true", help="a smaller file")
    made.add_argument("--json", action="store_true", help="nothing but the object")
    return made


if __name__ == "__main__":
    main()
