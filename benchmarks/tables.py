"""Real tables of leads as the evaluation reads them, where the folder of real data sets holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import harness
from benchmarks.harness import SEED
from ml.arrays import Bools
from ml.profiles import FeatureMatrix
from ml.training.tabular import read_columns, read_labels
from workers.cli.evaluate import csv_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A set, what must be left out of it, and what is to be reached."""

    path: Path
    target: str
    drop: tuple[str, ...]
    auc: float


X_EDUCATION = Known(
    path=Path("leads_x_education", "Leads.csv.gz"),
    target="Converted",
    drop=(
        "Tags", "Lead Quality", "Lead Profile", "Last Activity", "Last Notable Activity",
        "Asymmetrique Activity Index", "Asymmetrique Profile Index", "Asymmetrique Activity Score",
        "Asymmetrique Profile Score",
    ),
    auc=0.870,
)  # fmt: skip
BANK = Known(
    path=Path("leads_bank_marketing", "bank-additional-full.csv.gz"), target="y", drop=("duration",), auc=0.799
)
SETS = {"x_education": X_EDUCATION, "bank_marketing": BANK}


def load(known: Known) -> tuple[FeatureMatrix, Bools] | None:
    """The set's features and labels; None where it is not there."""
    folder = harness.data_folder()
    if folder is None or not (folder / known.path).is_file():
        return None
    table = csv_table.read(folder / known.path)
    left_out = {known.target, *known.drop}
    columns = {name: cells for name, cells in table.columns.items() if name not in left_out}
    return read_columns(columns, csv_table.moments), read_labels(table.columns[known.target], None).labels


def simulated(rows: int) -> tuple[FeatureMatrix, Bools]:
    """Made-up leads, where there is no real set: numbers, levels, gaps; the outcome takes two columns at once."""
    rng = np.random.default_rng(SEED)
    numbers = rng.normal(size=(rows, 6))
    levels = rng.integers(0, 8, rows)
    odds = numbers[:, 0] + 1.5 * numbers[:, 1] * numbers[:, 2] + 0.3 * (levels % 3) - 1
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    matrix = FeatureMatrix(
        columns=(*(f"column:n{index}" for index in range(6)), "column:level"),
        values=np.column_stack([numbers, levels]).astype(np.float32),
        levels={"column:level": tuple(f"level {index}" for index in range(8))},
    )
    return matrix, rng.random(rows) < 1 / (1 + np.exp(-odds))


def first(matrix: FeatureMatrix, labels: Bools, rows: int) -> tuple[FeatureMatrix, Bools]:
    """Some rows, evenly taken."""
    chosen: Sequence[int] = np.unique(np.linspace(0, len(labels) - 1, min(rows, len(labels))).astype(np.intp)).tolist()
    return matrix.take(chosen), labels[chosen]
