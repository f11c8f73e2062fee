"""Bytes a lead: one float32 block for all, against a plain dataclass of floats for each."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import harness
from benchmarks.features_batch import made
from benchmarks.figures import Outcome, Ratio, rounded
from benchmarks.harness import SEED
from ml.features import extract
from ml.profiles import FeatureMatrix

GOAL = 0.12
_STATUS = Path("/proc/self/status")


def measure(quick: bool) -> Outcome:
    """The features of the same leads, held both ways."""
    rows = 5000 if quick else 100_000
    columns = extract(made(500, 6)).columns
    plain = make_dataclass("Plain", [(f"c{index}", float) for index in range(len(columns))])
    before = _resident()
    block, matrix = _held(lambda: _matrix(rows, columns))
    after = _resident()
    objects, _ = _held(lambda: [plain(*row) for row in matrix.values.tolist()])
    slots, _ = _held(lambda: made(min(rows, 20_000), 0))
    figures = {
        "features": len(columns),
        "block_bytes_a_lead": rounded(block / rows),
        "dataclass_bytes_a_lead": rounded(objects / rows),
        "profile_bytes_a_lead": rounded(slots / min(rows, 20_000)),
        "resident_mb_before_and_after_the_block": [before, after],
    }
    of = f"bytes a lead of the block of {len(columns)} float32 columns over those of a dataclass of as many floats"
    ratio = Ratio(value=block / objects, goal=GOAL, better="lower", of=of)
    return Outcome(data="simulated features", rows=rows, seed=SEED, figures=figures, ratios={"float32_columns": ratio})


def _matrix(rows: int, columns: tuple[str, ...]) -> FeatureMatrix:
    values = np.random.default_rng(SEED).normal(size=(rows, len(columns))).astype(np.float32)
    return FeatureMatrix(columns=columns, values=values)


def _held(make: Callable[[], Any]) -> tuple[int, Any]:
    """Bytes that what is made still holds once made, and what was made."""
    gc.collect()
    tracemalloc.start()
    kept = make()
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held, kept


def _resident() -> float | None:
    """Megabytes of this process; None where the system does not tell."""
    if not _STATUS.is_file():
        return None
    line = next(line for line in _STATUS.read_text(encoding="utf-8").splitlines() if line.startswith("VmRSS"))
    return rounded(int(line.split()[1]) / 1024)


if __name__ == "__main__":
    harness.run("profile_memory", measure)
