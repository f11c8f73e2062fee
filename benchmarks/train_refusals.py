"""Trains the recogniser of refusals that ships with Hearth: `python -m benchmarks.train_refusals [--check]`.

It learns from our own corpora, `refusal_training*.tsv`, and, where they are there, from sentences of others that refuse
no contact: comments of GoEmotions (Apache-2.0), VADER's rated sentences (MIT) and the dialogues of Persuasion for Good
(Apache-2.0), save those that the patterns read as a refusal. Thresholds come from cross-validation of our own
corpora, the variants of one template in one fold. The same input gives the same bytes.
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
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from benchmarks import harness
from ml.arrays import Floats
from ml.language import first_look, recogniser
from ml.language.recogniser import Recogniser
from ml.language.refusals import RecogniserInput, recogniser_inputs, verdict_of_patterns
from ml.language.words import fold

SEED = 0
CORPORA = tuple(sorted(Path(__file__).parent.glob("refusal_training*.tsv")))
WEIGHTS = harness.ROOT / "ml" / "language" / "recogniser.json"
FIRST_LOOK = WEIGHTS.with_name("first_look.json")
#: of the first look: share of the refusals that it may lose, how much dearer one is than another message, its penalty
LOST, DEARER, FIRST_C = 0.0075, 5.0, 5.0
EMOTIONS, RATED = Path("emotion_goemotions", "train.tsv.gz"), "sentiment_vader_groundtruth"
DIALOGUES = Path("persuasion_for_good", "full_dialog.csv.gz")
#: sentences of others that are learnt from, of each set, and what one weighs beside one of ours
MOST_OTHERS, OTHERS_WEIGH = 8_000, 0.3
#: variants of one template
MOST_VARIANTS = 4
FOLDS = 5
#: inverse strength of the penalty
C = 10.0
#: weights that are kept: the largest
KEPT = 40_000
#: how much surer it must be of a sentence that names no contact, in log-odds
UNNAMED = 0.5
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
    named: bool


def main() -> None:
    """Train, and write the weights; with `--check` only say whether they are those that ship."""
    parser = argparse.ArgumentParser(description="Trains the recogniser of refusals.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where the weights differ")
    check = parser.parse_args().check
    own = [row for place, path in enumerate(CORPORA) for row in own_rows(path, first=100_000 * place)]
    made = {
        FIRST_LOOK: recogniser.dump(train_first_look(own_texts(), others_texts(harness.data_folder()))),
        WEIGHTS: recogniser.dump(train(own + others(harness.data_folder()))),
    }
    for path, text in made.items():
        sys.stdout.write(f"{hashlib.sha256(text.encode()).hexdigest()}  {path.relative_to(harness.ROOT)}\n")
    if check:
        raise SystemExit(any(text != path.read_text(encoding="utf-8") for path, text in made.items()))
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")


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


def own_rows(path: Path, *, first: int = 0, most: int = MOST_VARIANTS) -> list[Row]:
    """Give the rows of a corpus of templates, counted from `first`; those of one template weigh as one and a half.

    A message that refuses is learnt from as a whole, since nobody says which of its sentences does; of another each
    sentence refuses nothing.
    """
    rows: list[Row] = []
    rng = np.random.default_rng(SEED)
    for group, (label, language, template) in enumerate(templates(path), first):
        texts = variants(template)
        if len(texts) > most:
            texts = [texts[place] for place in sorted(rng.choice(len(texts), most, replace=False))]
        refuses = label == "refusal"
        units = [
            unit for text in texts for unit in (recogniser_inputs(text)[-1:] if refuses else recogniser_inputs(text))
        ]
        weight = 1.5 / max(1, len(units)) if len(texts) > 1 else 1.0
        rows += [_row(unit, refuses=refuses, language=language, group=group, weight=weight) for unit in units]
    return rows


def _row(unit: RecogniserInput, *, refuses: bool, language: str, group: int, weight: float) -> Row:
    return Row(
        refuses=refuses,
        language=language,
        group=group,
        weight=weight,
        features=unit.features,
        named=unit.named,
    )


def others(data: Path | None) -> list[Row]:
    """Give sentences of others, which refuse no contact; of each set that is there, as many as are wanted."""
    if data is None:
        return []
    units = [
        unit
        for texts in (_comments(data / EMOTIONS), _rated(data / RATED), _dialogues(data / DIALOGUES))
        for unit in _some(texts)
    ]
    return [
        _row(unit, refuses=False, language="en", group=-1 - place, weight=OTHERS_WEIGH)
        for place, unit in enumerate(units)
    ]


def _some(texts: list[str]) -> list[RecogniserInput]:
    taken = texts[:: max(1, len(texts) // MOST_OTHERS)]
    return [unit for text in taken if verdict_of_patterns(text) == "none" for unit in recogniser_inputs(text)[-1:]]


def _comments(path: Path) -> list[str]:
    if not path.is_file():
        return []
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [line.split("\t", 1)[0] for line in file]


def _rated(folder: Path) -> list[str]:
    lines = (
        line.rstrip("\n").split("\t")
        for path in sorted(folder.glob("*_GroundTruth.txt"))
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n")
    )
    return [parts[2] for parts in lines if len(parts) > 2]


def _dialogues(path: Path) -> list[str]:
    if not path.is_file():
        return []
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [row["Unit"] for row in csv.DictReader(file)]


def train(rows: Sequence[Row]) -> Recogniser:
    """Fit the weights on all rows, the thresholds on scores out of fold."""
    scores = out_of_fold(rows)
    own = np.array([row.group >= 0 for row in rows])
    scores -= UNNAMED * np.array([not row.named for row in rows])
    refuses = np.array([row.refuses for row in rows])
    weight = np.array([row.weight for row in rows])
    clear = _threshold(scores[own & ~refuses], weight[own & ~refuses], CLEAR_ALARMS)
    doubt = min(clear, _threshold(scores[own & ~refuses], weight[own & ~refuses], DOUBT_ALARMS))
    fitted = fit(rows)
    about = {
        "seed": SEED,
        "rows": {"refusal": int(refuses.sum()), "none": int((own & ~refuses).sum()), "others": int((~own).sum())},
        "out_of_fold": {
            "recall": round(float((scores[refuses] >= doubt).mean()), 4),
            "clear_recall": round(float((scores[refuses] >= clear).mean()), 4),
            "in_doubt": round(float(((scores >= doubt) & (scores < clear))[own & ~refuses].mean()), 4),
            "others_in_doubt": round(float((scores[~own] >= doubt).mean()), 4) if (~own).any() else None,
            "others_clear": round(float((scores[~own] >= clear).mean()), 4) if (~own).any() else None,
        },
    }
    return replace(fitted, clear=clear, doubt=doubt, unnamed=UNNAMED, about=about)


def own_texts() -> list[tuple[bool, str]]:
    """Give the messages of our corpora, few variants of each template, with whether they refuse."""
    return [
        (label == "refusal", text)
        for path in CORPORA
        for label, _, template in templates(path)
        for text in variants(template)[:MOST_VARIANTS]
    ]


def others_texts(data: Path | None) -> list[str]:
    """Give sentences of others that refuse no contact."""
    if data is None:
        return []
    found = (_comments(data / EMOTIONS), _rated(data / RATED), _dialogues(data / DIALOGUES))
    taken = (texts[:: max(1, len(texts) // MOST_OTHERS)] for texts in found)
    return [text for texts in taken for text in texts if verdict_of_patterns(text) == "none"]


def train_first_look(own: Sequence[tuple[bool, str]], foreign: Sequence[str]) -> Recogniser:
    """Fit a first look over single words; out of fold it lets all but a small share of the refusals pass."""
    told = [*own, *((False, text) for text in foreign)]
    rows = [
        Row(
            refuses=refuses,
            language="",
            group=place if place < len(own) else -place,
            weight=DEARER if refuses else 1.0 if place < len(own) else OTHERS_WEIGH,
            features=first_look.hashed_words(first_look.split_words(fold(text))),
            named=True,
        )
        for place, (refuses, text) in enumerate(told)
    ]
    scores = out_of_fold(rows, c=FIRST_C)
    refuses = np.array([row.refuses for row in rows])
    least = math.floor(float(np.quantile(scores[refuses], LOST)) * 100) / 100
    about = {
        "seed": SEED,
        "rows": {"refusal": int(refuses.sum()), "none": int((~refuses).sum())},
        "out_of_fold": {
            "refusals_pass": round(float((scores[refuses] >= least).mean()), 4),
            "others_pass": round(float((scores[len(own) :] >= least).mean()), 4) if foreign else None,
        },
    }
    return replace(fit(rows, c=FIRST_C), clear=0.0, doubt=least, about=about)


def out_of_fold(rows: Sequence[Row], *, c: float = C) -> Floats:
    """Give the score of each row by weights that saw nothing of its template."""
    scores = np.zeros(len(rows))
    folds = np.array([(row.group * 7919 if row.group >= 0 else -row.group) % FOLDS for row in rows])
    for own in range(FOLDS):
        fitted = fit([row for row, its in zip(rows, folds, strict=True) if its != own], c=c)
        for place, row in enumerate(rows):
            if folds[place] == own:
                scores[place] = fitted.score(row.features)
    return scores


def fit(rows: Sequence[Row], *, c: float = C) -> Recogniser:
    """Fit the weights."""
    index = {one: place for place, one in enumerate(sorted({one for row in rows for one in row.features}))}
    places = [[index[one] for one in sorted(row.features)] for row in rows]
    values = [1 / math.sqrt(len(row)) for row in places for _ in row]
    starts = np.cumsum([0, *(len(row) for row in places)])
    matrix = csr_matrix((values, [place for row in places for place in row], starts), shape=(len(rows), len(index)))
    model = LogisticRegression(C=c, max_iter=500, tol=1e-6)
    model.fit(matrix, [row.refuses for row in rows], sample_weight=[row.weight for row in rows])
    weights = model.coef_[0]
    least = np.sort(np.abs(weights))[-KEPT] if len(weights) > KEPT else 0.0
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
