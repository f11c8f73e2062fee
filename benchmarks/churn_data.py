"""Real tables of customers who stayed or left, as the evaluation reads them, where the folder of data sets has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks import harness
from ml.arrays import Bools
from ml.profiles import FeatureMatrix
from ml.training.tabular import read_columns, read_labels
from workers.cli.evaluate import csv_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A set in one or more files, and what is to be reached on it: figure -> at least, or at most for errors."""

    folder: str
    files: tuple[str, ...]
    target: str
    goals: Mapping[str, float]


SGI = Known(
    folder="churn_sgi_telecom",
    files=("churn-bigml-80.csv", "churn-bigml-20.csv"),
    target="Churn",
    goals={"accuracy": 0.955, "auc": 0.915},
)
TELCO = Known(
    folder="churn_ibm_telco",
    files=("WA_Fn-UseC_-Telco-Customer-Churn.csv",),
    target="Churn",
    goals={"auc": 0.848, "brier": 0.135, "ece": 0.02},
)
SETS = {"sgi_telecom": SGI, "ibm_telco": TELCO}


def load(known: Known) -> tuple[FeatureMatrix, Bools] | None:
    """The set's features and labels; None where it is not there."""
    folder = harness.data_folder()
    if folder is None or not all((folder / known.folder / file).is_file() for file in known.files):
        return None
    table = csv_table.join([csv_table.read(folder / known.folder / file) for file in known.files], known.target)
    columns = {name: cells for name, cells in table.columns.items() if name != known.target}
    return read_columns(columns, csv_table.moments), read_labels(table.columns[known.target], None).labels
