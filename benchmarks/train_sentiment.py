"""Trains the sentiment head that ships with Hearth: `python -m benchmarks.train_sentiment [--check] [--figures]`.

It learns from VADER's rated texts (MIT): tweets, reviews of films and of goods, editorials, each rated by 20 people.
The confidence is fitted on polarities of heads that had not seen the kind of text. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks import harness
from ml.language.sentiment import evaluation, fitting, model
from ml.language.sentiment.evaluation import Figures
from ml.language.sentiment.fitting import Rated
from ml.language.sentiment.model import SentimentModel

WEIGHTS = harness.ROOT / "ml" / "language" / "sentiment" / "sentiment.json"
FOLDER = "sentiment_vader_groundtruth"
#: kind of text -> file
FILES = {
    "Amazon": "amazonReviewSnippets_GroundTruth.txt",
    "NYT": "nytEditorialSnippets_GroundTruth.txt",
    "movies": "movieReviewSnippets_GroundTruth.txt",
    "tweets": "tweets_GroundTruth.txt",
}


def main() -> None:
    """Train, and write the weights; with `--check` only say whether they are those that ship."""
    parser = argparse.ArgumentParser(description="Trains the sentiment head.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where the weights differ")
    parser.add_argument(
        "--figures", action="store_true", help="write nothing; print what the form and the head are worth"
    )
    chosen = parser.parse_args()
    folder = harness.data_folder()
    if folder is None or not (folder / FOLDER).is_dir():
        parser.error(f"HEARTH_DATA holds no {FOLDER}")
    texts = rated_texts(folder / FOLDER)
    if chosen.figures:
        sys.stdout.write(table(texts))
        return
    text = model.dump(train(texts, digests(folder / FOLDER)))
    sys.stdout.write(f"{hashlib.sha256(text.encode()).hexdigest()}  {WEIGHTS.relative_to(harness.ROOT)}\n")
    if chosen.check:
        raise SystemExit(text != WEIGHTS.read_text(encoding="utf-8"))
    WEIGHTS.write_text(text, encoding="utf-8")


def rated_texts(folder: Path) -> Rated:
    """Give all rated texts, by kind."""
    rows = [(kind, *row) for kind, name in FILES.items() for row in _rows(folder / name)]
    return evaluation.rated([row[2] for row in rows], [row[1] for row in rows], [row[0] for row in rows])


def _rows(path: Path) -> Iterator[tuple[float, str]]:
    """Give rating and text of each line; a few bytes are no UTF-8."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.strip():
                _, rating, text = line.rstrip("\r\n").split("\t", 2)
                yield float(rating), text


def digests(folder: Path) -> dict[str, str]:
    """Give the SHA-256 of each file."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES.values()}


def train(texts: Rated, files: Mapping[str, str]) -> SentimentModel:
    """Fit on all kinds, and the confidence on polarities of heads that did not see the kind."""
    fitted = fitting.with_surety(fitting.fit(texts), evaluation.out_of_kind(texts), texts)
    about = {"data": "vaderSentiment rated texts", "licence": "MIT", "texts": len(texts.parts), "files": dict(files)}
    return replace(fitted, about=about)


def table(texts: Rated) -> str:
    """Give the tables of the model card."""
    lines = []
    for title, figures in (
        ("five folds, fitted on the other folds of the same kind", evaluation.five_folds(texts)),
        ("five folds, fitted as the shipped head on the other folds of all kinds", evaluation.pooled_folds(texts)),
        ("kind left out: fitted as the shipped head on the other kinds", evaluation.kind_left_out(texts)),
    ):
        lines += [title, *(_line(kind, found) for kind, found in figures.items())]
    return "\n".join(lines) + "\n"


def _line(kind: str, figures: Figures) -> str:
    return f"  {kind:8}" + "".join(f"  {reader} {value:.3f}" for reader, value in figures.items() if value is not None)


if __name__ == "__main__":
    main()
