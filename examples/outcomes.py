"""Simulate what becomes of the sample's open leads, in a market that turns half-way.

    python -m examples.outcomes --out examples/outcomes.csv

Up to the turn each lead ends as `examples.generate` says. From then on those buy who hesitated, and those hesitate who
would have bought, so that whatever was learnt before is wrong. The same seed gives the same file, byte for byte.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from pathlib import Path
from random import Random

from examples.generate import sigmoid, truth

COLUMNS = ("external_id", "source_system", "type")
#: share of the outcomes that come before the market turns
BEFORE = 0.45
#: log-odds of a lead after the turn: start, less what they were before
_START = -2.4


def rows(seed: int, leads: int) -> list[dict[str, str]]:
    """Return one outcome a lead that the sample shows as open, in the order in which they are reported."""
    random = Random(f"{seed}:outcomes")
    ends = [(name, lead) for name, lead in sorted(truth(seed, leads).items()) if lead.open]
    random.shuffle(ends)
    turn = round(BEFORE * len(ends))
    won = [lead.converts for _, lead in ends[:turn]]
    won += [random.random() < turned(lead.probability) for _, lead in ends[turn:]]
    return [
        {"external_id": name, "source_system": "simulated", "type": "won" if buys else "lost"}
        for (name, _), buys in zip(ends, won, strict=True)
    ]


def turned(probability: float) -> float:
    """Return the chance of a lead after the turn, by its chance before; both within 0 and 1.

    >>> round(turned(0.1), 2), round(turned(0.9), 2)
    (0.45, 0.01)
    """
    return sigmoid(_START - math.log(probability / (1 - probability)))


def main() -> None:
    """Write the file that the command line asks for."""
    parser = argparse.ArgumentParser(description="Write a CSV of what becomes of the sample's open leads.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--leads", type=int, default=1200)
    parser.add_argument("--out", type=Path, default=Path("examples/outcomes.csv"))
    options = parser.parse_args()
    table = rows(options.seed, options.leads)
    with options.out.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    sys.stdout.write(f"{options.out}: outcomes of {len(table)} simulated leads, seed {options.seed}\n")


if __name__ == "__main__":
    main()
