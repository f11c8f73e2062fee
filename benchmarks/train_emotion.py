"""Trains the head of emotions that ships with Hearth: `python -m benchmarks.train_emotion [--check]`.

It learns from GoEmotions (Apache-2.0): weights from its training part; probabilities, thresholds and the confidence
that counts as sure from its dev part. The same input gives the same bytes on one kind of processor; on another the last
digits of sums differ, and with them some weights by the last of their eight bits.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import harness
from benchmarks.figures import rounded
from ml.arrays import Floats
from ml.language.emotion import training, weights
from ml.language.emotion.evaluation import sure_from
from ml.language.emotion.head import Head
from ml.language.emotion.labels import LabelMap, read_label_map
from ml.language.emotion.training import Labelled
from ml.language.ngrams import grams
from ml.language.patterns import read_data_file

DATA = "emotion_goemotions"
TRAIN, DEV, TEST = "train.tsv.gz", "dev.tsv", "test.tsv"
FILE = harness.ROOT / "ml" / "language" / "emotion" / "head.bin"
#: share of the weights, and of the largest of the other figures, by which two kinds of processor may differ
MOST_ROUNDED, TOLERANCE = 0.001, 0.03


def main() -> None:
    """Train, and write the weights; with `--check` only say whether they are those that ship."""
    parser = argparse.ArgumentParser(description="Trains the head of emotions.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 unless these ship, but for rounding"
    )
    check = parser.parse_args().check
    data = harness.data_folder()
    if data is None or not (data / DATA).is_dir():
        parser.error(f"set HEARTH_DATA to a folder that has {DATA}")
    made = weights.dump(train(data / DATA))
    sys.stdout.write(f"{hashlib.sha256(made).hexdigest()}  {FILE.relative_to(harness.ROOT)}\n")
    if check:
        raise SystemExit(not alike(weights.load(made), weights.load(FILE.read_bytes())))
    FILE.write_bytes(made)


def alike(made: Head, shipped: Head) -> bool:
    """Return whether two heads differ by no more than processors do: one weight in a thousand by its last bit."""
    if (made.labels, made.hashes.tolist()) != (shipped.labels, shipped.hashes.tolist()):
        return False
    steps = np.abs(made.weights.astype(np.int64) - shipped.weights.astype(np.int64))
    figures = all(_near(getattr(made, name), getattr(shipped, name)) for name in weights.FIGURES)
    return figures and int(steps.max()) <= 1 and float(steps.mean()) <= MOST_ROUNDED


def _near(made: Floats, shipped: Floats) -> bool:
    return bool(np.abs(made - shipped).max() <= TOLERANCE * np.abs(shipped).max())


def train(folder: Path) -> Head:
    """Fit the head on the training part, and what makes probabilities of it on the dev part."""
    mapped = label_map()
    fitted, held_out = (labelled(folder / name, mapped) for name in (TRAIN, DEV))
    raw = training.rounded(training.fit_weights(fitted, mapped.names, training.SHIPPED))
    head = training.calibrated(raw, held_out)
    about = {
        "data": "GoEmotions, simplified",
        "licence": "Apache-2.0",
        "sha256": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (TRAIN, DEV)},
        "rows": {TRAIN: len(fitted.texts), DEV: len(held_out.texts)},
        "sure": rounded(sure_from(head.score(grams(held_out.texts)).probabilities, held_out.targets)),
    }
    return replace(head, about=about)


def label_map() -> LabelMap:
    """Give the states of GoEmotions' labels."""
    return read_label_map(read_data_file("ml.language.emotion", "goemotions.toml"))


def labelled(path: Path, mapped: LabelMap) -> Labelled:
    """Give the texts of a file with their states."""
    texts, cells = rows(path)
    states = [mapped.classes_of(cell, row) for row, cell in enumerate(cells, 1)]
    return Labelled(texts=texts, targets=training.one_hot(states, mapped.names))


def rows(path: Path) -> tuple[list[str], Sequence[str]]:
    """Give the texts and the label cells of a file without a header; a text with quotation marks is in such marks."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        read = list(csv.reader(file, delimiter="\t"))
    return [row[0] for row in read], [row[1] for row in read]


if __name__ == "__main__":
    main()
