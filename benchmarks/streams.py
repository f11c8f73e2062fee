"""Streams to measure online learning on: real ones where the folder of data sets holds them, and simulated ones."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import harness
from benchmarks.tables import X_EDUCATION
from ml.online.encoding import Value
from ml.training.tabular import read_columns
from workers.cli.evaluate import csv_table

Rows = list[Mapping[str, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A set in its file's order, and what must be left out of it."""

    path: Path
    target: str
    drop: tuple[str, ...] = ()


SETS: Mapping[str, Known] = {
    "elec2": Known(path=Path("drift_elec2", "elec.csv.gz"), target="class"),
    "x_education": Known(
        path=X_EDUCATION.path, target=X_EDUCATION.target, drop=(*X_EDUCATION.drop, "Prospect ID", "Lead Number")
    ),
    "bank": Known(path=Path("leads_bank_marketing", "bank-full.csv.gz"), target="y", drop=("duration",)),
    "keystroke": Known(path=Path("drift_souza_losing", "keystroke.csv"), target="class"),
    "outdoor": Known(path=Path("drift_souza_losing", "outdoor.csv"), target="class"),
}


def load(name: str, rows: int) -> tuple[Rows, list[str]] | None:
    """The first rows of a real set; None where it is not there."""
    folder, known = harness.data_folder(), SETS[name]
    if folder is None or not (folder / known.path).is_file():
        return None
    table = csv_table.read(folder / known.path)
    chosen = {name: cells for name, cells in table.columns.items() if name not in (*known.drop, known.target)}
    matrix = read_columns(chosen, csv_table.moments).take(list(range(min(rows, len(table)))))
    return [dict(row) for row in matrix.to_rows()], table.columns[known.target][:rows]


def simulated(kind: str, rows: int, seed: int) -> tuple[Rows, list[str]]:
    """A stream of six numbers: `still`, `rare` (one in ten), `turning` (every 3,000 rows) or `noise`."""
    source = random.Random(seed)
    weights = [source.gauss(0, 1) for _ in range(6)]
    features: Rows = []
    labels = []
    for row in range(rows):
        values = [source.gauss(0, 1) for _ in weights]
        odds = sum(weight * value for weight, value in zip(weights, values, strict=True))
        if kind == "turning" and row // 3000 % 2:
            odds = -odds
        odds = -1.0 if kind == "noise" else odds - 3.0 if kind == "rare" else odds
        features.append({f"f{place}": value for place, value in enumerate(values)})
        labels.append(str(int(source.random() < 1 / (1 + math.exp(-odds)))))
    return features, labels


def wide(rows: int, columns: int, seed: int) -> tuple[Rows, list[bool]]:
    """Rows of so many numbers, of which five tell the outcome, not linearly: trees have something to grow on."""
    source = random.Random(seed)
    features: Rows = []
    labels = []
    for _ in range(rows):
        values = [source.random() for _ in range(columns)]
        height = math.sin(6 * values[0]) + math.cos(9 * values[1]) * values[2] + 2 * values[3] * values[4] - 1
        features.append({f"f{place:03}": value for place, value in enumerate(values)})
        labels.append(height + source.gauss(0, 0.3) > 0)
    return features, labels
