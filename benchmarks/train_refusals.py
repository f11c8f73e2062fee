"""Trains the recogniser of refusals that ships with Hearth: `python -m benchmarks.train_refusals [--check]`.

It learns from our own corpus, `refusal_training.tsv`, and, where they are there, from the comments of GoEmotions
(Apache-2.0) as sentences that refuse nothing, save those that the patterns read as a refusal. Thresholds come from
cross-validation of our own corpus, the variants of one template in one fold. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import itertools
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from benchmarks import harness
from ml.language import recogniser
from ml.language.recogniser import Recogniser
from ml.language.refusals import hashed, read
from ml.training.calibration import Floats

SEED = 0
CORPUS = Path(__file__).with_name("refusal_training.tsv")
WEIGHTS = harness.ROOT / "ml" / "language" / "recogniser.json"
EMOTIONS = Path("emotion_goemotions", "train.tsv.gz")
#: comments that are learnt from, and what they weigh together beside our own sentences that refuse nothing
MOST_COMMENTS, COMMENTS_WEIGH = 12_000, 1.0
#: variants of one template
MOST_VARIANTS = 6
FOLDS = 5
#: inverse strength of the penalty
C = 30.0
#: weights below this share of the largest are left out
SMALL = 0.004
#: shares of our own sentences that refuse nothing which the thresholds may let through
CLEAR_ALARMS, DOUBT_ALARMS = 0.001, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing to learn from."""

    refuses: bool
    language: str
    #: rows of one template, which stay in one fold
    group: int
    weight: float
    features: frozenset[int]


def main() -> None:
    """Train, and write the weights; with `--check` only say whether they are those that ship."""
    parser = argparse.ArgumentParser(description="Trains the recogniser of refusals.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where the weights differ")
    check = parser.parse_args().check
    text = recogniser.dump(train(own_rows(CORPUS) + comments(harness.data_folder())))
    sys.stdout.write(f"{hashlib.sha256(text.encode()).hexdigest()}  {WEIGHTS.relative_to(harness.ROOT)}\n")
    if check:
        raise SystemExit(text != WEIGHTS.read_text(encoding="utf-8"))
    WEIGHTS.write_text(text, encoding="utf-8")


def templates(path: Path) -> Iterator[tuple[str, str, str]]:
    """Give label, language and template of each line."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield row["label"], row["language"], row["text"]


def variants(template: str) -> list[str]:
    """Give what a template stands for: "stop {texting|calling}" is two sentences."""
    parts = re.split(r"\{([^{}]*)\}", template)
    choices = [part.split("|") if place % 2 else [part] for place, part in enumerate(parts)]
    made = {" ".join("".join(chosen).split()): None for chosen in itertools.product(*choices)}
    return list(made)


def own_rows(path: Path, *, most: int = MOST_VARIANTS) -> list[Row]:
    """Give the rows of a corpus of templates; those of one template weigh as one and a half."""
    rows: list[Row] = []
    rng = np.random.default_rng(SEED)
    for group, (label, language, template) in enumerate(templates(path)):
        texts = variants(template)
        if len(texts) > most:
            texts = [texts[place] for place in sorted(rng.choice(len(texts), most, replace=False))]
        units = [unit for text in texts for unit in hashed(text)[-1:]]
        weight = 1.5 / len(units) if len(units) > 1 else 1.0
        rows += [
            Row(refuses=label == "refusal", language=language, group=group, weight=weight, features=unit)
            for unit in units
        ]
    return rows


def comments(data: Path | None) -> list[Row]:
    """Give comments of GoEmotions, which refuse nothing; none where the set is not there."""
    if data is None or not (data / EMOTIONS).is_file():
        return []
    with gzip.open(data / EMOTIONS, "rt", encoding="utf-8", newline="") as file:
        texts = [line.split("\t", 1)[0] for line in file]
    units = [unit for text in texts if read_by_patterns(text) == "none" for unit in hashed(text)]
    taken = units[:: max(1, len(units) // MOST_COMMENTS)]
    weight = COMMENTS_WEIGH * 500 / len(taken)
    return [
        Row(refuses=False, language="en", group=-1 - place, weight=weight, features=unit)
        for place, unit in enumerate(taken)
    ]


def read_by_patterns(text: str) -> str:
    """Give what the patterns alone read."""
    found = read(text)
    return "none" if found.rule == "recogniser" else found.verdict


def train(rows: Sequence[Row]) -> Recogniser:
    """Fit the weights on all rows, the thresholds on scores out of fold."""
    scores = out_of_fold(rows)
    own = np.array([row.group >= 0 for row in rows])
    refuses = np.array([row.refuses for row in rows])
    weight = np.array([row.weight for row in rows])
    clear = _threshold(scores[own & ~refuses], weight[own & ~refuses], CLEAR_ALARMS)
    doubt = min(clear, _threshold(scores[own & ~refuses], weight[own & ~refuses], DOUBT_ALARMS))
    fitted = fit(rows)
    about = {
        "seed": SEED,
        "rows": {"refusal": int(refuses.sum()), "none": int((own & ~refuses).sum()), "comments": int((~own).sum())},
        "out_of_fold": {
            "recall": round(float((scores[refuses] >= doubt).mean()), 4),
            "clear_recall": round(float((scores[refuses] >= clear).mean()), 4),
            "in_doubt": round(float(((scores >= doubt) & (scores < clear))[own & ~refuses].mean()), 4),
            "comments_in_doubt": round(float((scores[~own] >= doubt).mean()), 4) if (~own).any() else None,
            "comments_clear": round(float((scores[~own] >= clear).mean()), 4) if (~own).any() else None,
        },
    }
    return Recogniser(weights=fitted.weights, bias=fitted.bias, clear=clear, doubt=doubt, about=about)


def out_of_fold(rows: Sequence[Row]) -> Floats:
    """Give the score of each row by weights that saw nothing of its template."""
    scores = np.zeros(len(rows))
    folds = np.array([(row.group * 7919 if row.group >= 0 else -row.group) % FOLDS for row in rows])
    for fold in range(FOLDS):
        fitted = fit([row for row, its in zip(rows, folds, strict=True) if its != fold])
        for place, row in enumerate(rows):
            if folds[place] == fold:
                scores[place] = fitted.score(row.features)
    return scores


def fit(rows: Sequence[Row]) -> Recogniser:
    """Fit the weights."""
    index = {one: place for place, one in enumerate(sorted({one for row in rows for one in row.features}))}
    places = [[index[one] for one in sorted(row.features)] for row in rows]
    values = [1 / math.sqrt(len(row)) for row in places for _ in row]
    starts = np.cumsum([0, *(len(row) for row in places)])
    matrix = csr_matrix((values, [place for row in places for place in row], starts), shape=(len(rows), len(index)))
    model = LogisticRegression(C=C, max_iter=500, tol=1e-6)
    model.fit(matrix, [row.refuses for row in rows], sample_weight=[row.weight for row in rows])
    weights = model.coef_[0]
    least = SMALL * np.abs(weights).max()
    kept = {one: float(weights[place]) for one, place in index.items() if abs(weights[place]) > least}
    return Recogniser(weights=kept, bias=float(model.intercept_[0]), clear=0.0, doubt=0.0)


def _threshold(scores: Floats, weights: Floats, share: float) -> float:
    """Give the lowest score, in tenths, that at most this share of the rows reach."""
    order = np.argsort(-scores)
    over = np.cumsum(weights[order]) / weights.sum()
    allowed = int(np.searchsorted(over, share, side="right"))
    limit = scores[order][allowed] if allowed < len(scores) else scores.min()
    return math.floor(float(limit) * 10) / 10 + 0.1


if __name__ == "__main__":
    main()
