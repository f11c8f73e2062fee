"""`python -m benchmarks.attacks [--quick] [--only NAMES]`: attacks on a cluster over PostgreSQL, one JSON object.

While one tenant attacks, another asks for scores as people do. Each attack tells what it reached: workers lost, answers
that are no declared error, values that are repeated, messages lost; and how long the other tenant waited.
"""

from __future__ import annotations

import argparse
from random import Random

from benchmarks import harness, simulated
from benchmarks.attacks.outage import outage
from benchmarks.attacks.strikes import STRIKES, Attack, Found
from benchmarks.fairness import caller
from benchmarks.figures import Figures, Outcome, Ratio, percentile, spread
from benchmarks.harness import SEED

#: questions of the other tenant before all attacks, and leads that each tenant has
QUESTIONS, ROWS = 120, 2000
GOAL = 2.0


def main() -> None:
    """Attack, look, print."""
    asked = _arguments()
    names = asked.only.split(",") if asked.only else [*STRIKES, "outage"]
    harness.show("attacks", asked.quick, lambda: measure(names, quick=asked.quick))


def measure(names: list[str], *, quick: bool) -> Outcome:
    """Run the attacks named, on one cluster; `outage` has its own."""
    rows = ROWS // 4 if quick else ROWS
    figures: Figures = {"unit": "ms from a question of another tenant to its answer"}
    ratios: dict[str, Ratio] = {}
    chosen = {name: STRIKES[name] for name in names if name in STRIKES}
    if chosen:
        with harness.site("postgresql", beat=True) as site:
            table = simulated.write(site.files, rows)
            scorer = simulated.fit(table)
            loud, quiet = (caller(site, table, scorer) for _ in range(2))
            for _ in range(30):
                quiet.seconds()
            idle = [quiet.seconds() for _ in range(QUESTIONS // (4 if quick else 1))]
            figures["idle"] = _milliseconds(idle)
            for name, strike in chosen.items():
                attack = Attack(site=site, loud=loud.tenant_id, quiet=quiet, random=Random(SEED), quick=quick)
                found = strike(attack)
                figures[name] = _told(found, attack)
                ratios |= _ratios(name, found, attack, idle)
    if "outage" in names:
        found = outage(seconds=20.0 if quick else 90.0)
        figures["outage"] = dict(found.facts)
        ratios |= _promises("outage", found)
    return Outcome(data="simulated leads of two tenants", rows=2 * rows, seed=SEED, figures=figures, ratios=ratios)


def _told(found: Found, attack: Attack) -> Figures:
    waits = attack.waited
    return {**found.facts, **({"other_tenant": _milliseconds(waits)} if waits else {})}


def _ratios(name: str, found: Found, attack: Attack, idle: list[float]) -> dict[str, Ratio]:
    ratios = _promises(name, found)
    if attack.waited:
        ratios[f"other_tenant_p95.{name}"] = Ratio(
            value=percentile(attack.waited, 0.95) / percentile(idle, 0.95),
            goal=GOAL,
            better="lower",
            of="p95 of another tenant's score during the attack over its p95 before all attacks",
        )
    return ratios


def _promises(name: str, found: Found) -> dict[str, Ratio]:
    return {
        f"{what}.{name}": Ratio(
            value=float(count), goal=0.0, better="lower", of=f"{what.replace('_', ' ')}, none allowed"
        )
        for what, count in found.promises.items()
    }


def _milliseconds(seconds: list[float]) -> Figures:
    return spread([1000 * each for each in seconds])


def _arguments() -> argparse.Namespace:
    made = harness.parser("Attacks a cluster.")
    made.add_argument("--only", help=f"some of {','.join([*STRIKES, 'outage'])}, separated by commas")
    return made.parse_args()


if __name__ == "__main__":
    main()
