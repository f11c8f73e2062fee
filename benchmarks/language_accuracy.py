"""How well language is read: tone, sentiment, facts, money and the hour of the next reply, on data sets of others.

A section is left out, with the reason, where its data set is not there. Nothing here is fitted on what it is judged by.
"""

from __future__ import annotations

import csv
import gzip
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks import harness, train_emotion, train_sentiment
from benchmarks.figures import Figures, Outcome, Ratio, rounded
from domain.emotions import EMOTIONAL_STATES
from ml.language.emotion import evaluation as emotion
from ml.language.emotion import reader, training
from ml.language.emotion.evaluation import EmotionFigures
from ml.language.emotion.labels import read_label_map

SEED = 0
#: rows of a set that a quick run reads
QUICK = 1_000
SIX, AIRLINE, HOMES, REPLIES = (
    "emotion_six_labels",
    "sentiment_us_airline",
    "dialogue_homes_sgd",
    "reply_times_college",
)
MONEY = Path(__file__).with_name("money_phrases.tsv")
#: what the labels of other sets say in the states: for measuring only
SIX_LABELS = """
[labels]
joy = ["excited", "confident"]
love = ["excited", "confident"]
sadness = "disappointed"
anger = ["angry", "frustrated"]
fear = ["anxious", "overwhelmed"]
surprise = "curious"
"""
VALENCE = """
[labels]
positive = ["excited", "confident"]
negative = ["confused", "frustrated", "anxious", "disappointed", "angry", "overwhelmed"]
neutral = {neutral}
"""
RATED_GOALS = {"tweets": 0.895, "movies": 0.70, "Amazon": 0.74, "NYT": 0.58}


class DataAbsent(Exception):  # noqa: N818 - says the fact
    """The data set of a section is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What one section found."""

    rows: int
    figures: Figures
    ratios: Mapping[str, Ratio] = field(default_factory=dict)


def measure(quick: bool) -> Outcome:
    """Measure each section; one without data says so in place of its figures."""
    figures: Figures = {}
    ratios: dict[str, Ratio] = {}
    rows = 0
    for name, section in SECTIONS.items():
        try:
            found = section(harness.data_folder(), quick)
        except DataAbsent as absent:
            figures[name] = {"skipped": str(absent)}
            continue
        rows += found.rows
        figures[name] = found.figures
        ratios |= {f"{name}_{ratio}": value for ratio, value in found.ratios.items()}
    return Outcome(data=", ".join(SECTIONS), rows=rows, seed=SEED, figures=figures, ratios=ratios)


def states(data: Path | None, quick: bool) -> Section:
    """Compare what ships with GoEmotions' test part."""
    texts, cells = _part(train_emotion.rows(_folder(data, train_emotion.DATA) / train_emotion.TEST), quick)
    found = emotion.evaluate(texts, cells, train_emotion.label_map())
    size = len(train_emotion.FILE.read_bytes()) / 1e6
    ratios = {
        "multi_label_macro_f1": _at_least(found.macro_f1, 0.56, "macro-F1, labels told from their thresholds on"),
        "hit": _at_least(found.accuracy, 0.64, "likeliest state among the row's labels"),
        "half": _at_least(found.at_half_coverage.accuracy, 0.79, "accuracy of the more confident half"),
        "quarter": _at_least(found.at_quarter_coverage.accuracy, 0.87, "accuracy of the surest quarter"),
        "coverage_at_90": _at_least(found.coverage_at_90, 0.15, "share of the rows that have accuracy .9"),
        "ece": _at_most(found.ece, 0.035, "calibration error, ten bins"),
        "megabytes": _at_most(size, 1.5, "size of the weights that ship"),
    }
    sure = {"sure_from": reader.SURE, "sure": _sure(texts, cells)}
    return Section(rows=found.rows, figures=_told(found) | sure, ratios=ratios)


def six_labels(data: Path | None, quick: bool) -> Section:
    """Fit on the training file of the six labels, judge on its test file."""
    folder = _folder(data, SIX)
    train, test = _six(folder / "train.txt"), _part(_six(folder / "test.txt"), quick)
    started, processor = time.perf_counter(), time.process_time()
    names = tuple(sorted(set(train[1])))
    fitted = training.Labelled(texts=train[0], targets=training.one_hot([frozenset({one}) for one in train[1]], names))
    emotion.fit_head(fitted, names)
    seconds = {"wall": time.perf_counter() - started, "processor": time.process_time() - processor}
    found = emotion.evaluate_fitted(*test, *train)
    ratios = {
        "accuracy": _at_least(found.accuracy, 0.905, "--fit on the training file, test file"),
        "macro_f1": _at_least(found.macro_f1, 0.855, "--fit on the training file, test file"),
        "fit_seconds": _at_most(seconds["processor"], 30.0, "processor seconds to fit, one thread"),
    }
    told = {name: rounded(value) for name, value in seconds.items()}
    return Section(rows=found.rows, figures=_told(found) | {"fit_seconds": told}, ratios=ratios)


def transfer(data: Path | None, quick: bool) -> Section:
    """Compare what ships with labels of kinds of text that it did not learn from, beside the most frequent label."""
    tweets = _airline(_folder(data, AIRLINE) / "us_airline_tweets.csv.gz")
    three, two = (VALENCE.format(neutral=neutral) for neutral in ('["neutral", "curious"]', "[]"))
    sets = {
        "six labels, zero-shot": (_six(_folder(data, SIX) / "test.txt"), SIX_LABELS),
        "airline tweets, three valences": (tweets, three),
        "airline tweets, positive or negative": (tweets, two),
    }
    told: Figures = {}
    rows = 0
    for name, (labelled, mapped) in sets.items():
        found = emotion.evaluate(*_part(labelled, quick), read_label_map(mapped))
        rows += found.rows
        told[name] = _told(found)
    return Section(rows=rows, figures=told)


def sentiment(data: Path | None, quick: bool) -> Section:
    """Compare sentiment with human ratings: folds, and each kind of text left out; and with the airline's labels."""
    from ml.language.sentiment import evaluation

    texts = train_sentiment.rated_texts(_folder(data, train_sentiment.FOLDER))
    folds, left_out = evaluation.five_folds(texts), evaluation.kind_left_out(texts)
    tweets, labels = _part(_airline(_folder(data, AIRLINE) / "us_airline_tweets.csv.gz"), quick)
    told = [place for place, label in enumerate(labels) if label != "neutral"]
    airline = evaluation.against_labels([tweets[at] for at in told], [labels[at] for at in told], "positive")
    gains = [_number(own["hearth"]) - _number(own["vader"]) for own in left_out.values()]
    ratios = {
        **{
            kind: _at_least(_number(folds[kind]["hearth"]), goal, f"Pearson's r, five folds of {kind}")
            for kind, goal in RATED_GOALS.items()
        },
        "left_out_worst": _at_least(min(gains), -0.01, "r above VADER's, the kind left out, worst kind"),
        "left_out_mean": _at_least(sum(gains) / len(gains), 0.03, "r above VADER's, the kind left out, mean"),
        "airline_auc": _at_least(_number(airline.auc["hearth"]), 0.93, "positive against negative, nothing refitted"),
    }
    figures: Figures = {"five_folds": folds, "kind_left_out": left_out, "airline": asdict(airline)}
    return Section(rows=len(texts.parts) + len(told), figures=_rounded(figures), ratios=ratios)


def facts(data: Path | None, quick: bool) -> Section:
    """Compare what is read in the dialogues' dev part with its labels."""
    from ml.language.facts import evaluation

    del quick
    with gzip.open(_folder(data, HOMES) / "sgd_homes_dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = evaluation.evaluate(lines)
    dates = found.visit_date
    ratios = {
        "dates_found": _at_least(_number(dates.recall), 0.98, "labelled visit dates that are found"),
        "dates_exact": _at_least(_number(dates.exact), 0.95, "labelled visit dates with the very same span"),
        "dates_alarms": _at_most(_number(dates.false_alarm_rate), 0.01, "turns without a date in which one is read"),
        "question_f1": _at_least(_number(found.question.f1), 0.86, "F1 of a question asked"),
    }
    for name, own in {"beds": found.beds, "baths": found.baths}.items():
        ratios[f"{name}_precision"] = _at_least(_number(own.precision), 0.97, f"precision of {name}")
        ratios[f"{name}_recall"] = _at_least(_number(own.recall), 0.94, f"recall of {name}")
    return Section(rows=found.turns, figures=_rounded(asdict(found)), ratios=ratios)


def money(data: Path | None, quick: bool) -> Section:
    """Read our own collection of spellings; `held` ones were written before the grammar was tried on them."""
    from ml.language.facts.reader import read_facts

    del data, quick
    at, zone = datetime(2026, 3, 2, 15, tzinfo=UTC), ZoneInfo("America/New_York")
    right: dict[str, list[bool]] = {}
    for row in _phrases():
        told = [fact for fact in read_facts(row["phrase"], at=at, zone=zone) if fact.kind == "budget"]
        wanted = [] if row["bound"] == "none" else [(_dollars(row["low"]), _dollars(row["high"]), row["bound"])]
        right.setdefault(row["part"], []).append([_budget(fact.value, fact.bound) for fact in told] == wanted)
    every = [one for part in right.values() for one in part]
    figures = {part: {"rows": len(own), "right": rounded(sum(own) / len(own))} for part, own in right.items()}
    ratios = {"right": _at_least(sum(every) / len(every), 0.95, "spellings with value and bound right")}
    return Section(rows=len(every), figures=figures, ratios=ratios)


def send_window(data: Path | None, quick: bool) -> Section:
    """Predict the slot of the next reply, by the tenant's clock, a person's own and both."""
    from ml.personalization import send_evaluation

    del quick
    with gzip.open(_folder(data, REPLIES) / "college_messages.csv.gz", "rt", encoding="utf-8", newline="") as file:
        messages = [(row["source"], row["target"], float(row["unix_time"])) for row in csv.DictReader(file)]
    report = send_evaluation.evaluate(messages)
    losses = report.log_loss
    worst = max(bucket.blended - bucket.tenant for bucket in report.by_history)
    ratios = {
        "gain": _at_most(losses.blended - losses.tenant, -0.01, "log-loss against the tenant's clock"),
        "worst": _at_most(worst, 0.002, "log-loss against the tenant's clock, worst length of history"),
    }
    return Section(rows=report.replies, figures=_rounded(asdict(report)), ratios=ratios)


SECTIONS: Mapping[str, Callable[[Path | None, bool], Section]] = {
    "states": states,
    "six_labels": six_labels,
    "transfer": transfer,
    "sentiment": sentiment,
    "facts": facts,
    "money": money,
    "send_window": send_window,
}


def _folder(data: Path | None, name: str) -> Path:
    if data is None or not (data / name).is_dir():
        raise DataAbsent(f"HEARTH_DATA holds no {name}")
    return data / name


def _part(labelled: tuple[Sequence[str], Sequence[str]], quick: bool) -> tuple[Sequence[str], Sequence[str]]:
    texts, cells = labelled
    return (texts[:QUICK], cells[:QUICK]) if quick else (texts, cells)


def _six(path: Path) -> tuple[list[str], list[str]]:
    rows = [line.rsplit(";", 1) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row[0] for row in rows], [row[1] for row in rows]


def _airline(path: Path) -> tuple[list[str], list[str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["airline_sentiment"] for row in rows]


def _phrases() -> Iterator[dict[str, str]]:
    with MONEY.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        yield from csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)


def _dollars(cell: str) -> float | None:
    return float(cell) if cell else None


def _budget(value: object, bound: str | None) -> tuple[float | None, float | None, str | None] | None:
    return (*value, bound) if isinstance(value, tuple) else None


def _sure(texts: Sequence[str], cells: Sequence[str]) -> Figures:
    """Give the accuracy and the share of the rows that the product calls sure."""
    mapped = train_emotion.label_map()
    read = reader.probabilities(texts)
    sure = read.max(axis=1) >= reader.SURE
    right = [
        EMOTIONAL_STATES[int(own.argmax())] in mapped.classes_of(cell, row)
        for row, (own, cell) in enumerate(zip(read, cells, strict=True), 1)
        if own.max() >= reader.SURE
    ]
    return {"rows": rounded(float(sure.mean())), "accuracy": rounded(sum(right) / max(1, len(right)))}


def _told(found: EmotionFigures) -> Figures:
    return _rounded(asdict(found))


def _rounded(figures: Figures) -> Figures:
    """Give nested figures with four digits."""

    def one(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: one(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [one(each) for each in value]
        return rounded(value) if isinstance(value, float) else value

    return {name: one(value) for name, value in figures.items()}


def _number(value: float | None) -> float:
    return 0.0 if value is None else float(value)


def _at_least(value: float, goal: float, of: str) -> Ratio:
    return Ratio(value=value, goal=goal, better="higher", of=of)


def _at_most(value: float, goal: float, of: str) -> Ratio:
    return Ratio(value=value, goal=goal, better="lower", of=of)


if __name__ == "__main__":
    harness.run("language_accuracy", measure)
