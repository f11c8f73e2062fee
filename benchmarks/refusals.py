"""How well refusals are read: phrases it was not tuned on, and three sets of messages that refuse nothing."""

from __future__ import annotations

import csv
import gzip
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import harness
from benchmarks.figures import Figures, Outcome, Ratio, median, percentile, rounded
from ml.language import evaluation
from ml.language.refusals import RefusalVerdict, read_message

SEED = 0
#: written by people who had not seen the reader; what it misread of `seen` was looked at, `fresh` was not
PHRASES = {
    "blind": Path(__file__).with_name("refusal_phrases_blind.tsv"),
    "fresh": Path(__file__).with_name("refusal_phrases_fresh.tsv"),
    "seen": Path(__file__).with_name("refusal_phrases.tsv"),
}
RECALL_GOAL, ALARMS_GOAL, SETS_DOUBT_GOAL, SETS_ALARMS_GOAL = 0.98, 0.02, 0.05, 0.005
#: rows of each set that a quick run reads
QUICK = 500


def measure(quick: bool) -> Outcome:
    """Read the phrases, by language and together, then each set that is there."""
    read_message("STOP")  # the catalogue is compiled once
    phrases = {name: list(_phrases(path)) for name, path in PHRASES.items()}
    figures: Figures = {f"phrases_{name}": _all_phrases(rows) for name, rows in phrases.items()}
    ratios = _phrase_ratios(figures["phrases_blind"]["all"])
    for name, texts in _sets().items():
        figures[name] = _unrefusing(texts[:: max(1, len(texts) // QUICK)] if quick else texts)
        ratios |= _set_ratios(name, figures[name])
    rows = sum(told.get("all", told)["rows"] for told in figures.values())
    return Outcome(data=" and ".join(figures), rows=rows, seed=SEED, figures=figures, ratios=ratios)


def _phrases(path: Path) -> Iterator[tuple[str, str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield row["label"], row["language"], row["text"]


def _all_phrases(phrases: Sequence[tuple[str, str, str]]) -> Figures:
    languages = sorted({language for _, language, _ in phrases})
    parts = {name: [row for row in phrases if row[1] == name] for name in languages}
    return {name: _told(rows) for name, rows in {"all": phrases, **parts}.items()}


def _told(phrases: Sequence[tuple[str, str, str]]) -> Figures:
    found = asdict(evaluation.evaluate([text for _, _, text in phrases], [label for label, _, _ in phrases]))
    return {name: value if value is None or name == "rows" else rounded(value) for name, value in found.items()}


def _unrefusing(texts: Sequence[str]) -> Figures:
    verdicts, times = _timed(texts)
    return {
        "rows": len(texts),
        "in_doubt": rounded(verdicts.count("doubt") / len(texts)),
        "clear": rounded(verdicts.count("clear") / len(texts)),
        "milliseconds": {"p50": rounded(median(times)), "p95": rounded(percentile(times, 0.95))},
    }


def _timed(texts: Sequence[str]) -> tuple[list[RefusalVerdict], list[float]]:
    verdicts: list[RefusalVerdict] = []
    times: list[float] = []
    for text in texts:
        started = time.perf_counter()
        verdicts.append(read_message(text).verdict)
        times.append(1000 * (time.perf_counter() - started))
    return verdicts, times


def _phrase_ratios(found: Mapping[str, float]) -> dict[str, Ratio]:
    return {
        "recall": Ratio(value=found["recall"], goal=RECALL_GOAL, better="higher", of="refusals read as such"),
        "false_alarms": Ratio(
            value=found["false_alarm_rate"], goal=ALARMS_GOAL, better="lower", of="other phrases read as clear"
        ),
    }


def _set_ratios(name: str, found: Mapping[str, float]) -> dict[str, Ratio]:
    of = f"messages of {name} that refuse nothing, read as"
    return {
        f"{name}_in_doubt": Ratio(value=found["in_doubt"], goal=SETS_DOUBT_GOAL, better="lower", of=f"{of} in doubt"),
        f"{name}_clear": Ratio(value=found["clear"], goal=SETS_ALARMS_GOAL, better="lower", of=f"{of} clear"),
    }


def _sets() -> dict[str, list[str]]:
    """Give the messages of each set that is there."""
    data = harness.data_folder()
    known: dict[str, Callable[[Path], Iterator[str]]] = {
        "dialogue_homes_sgd": _dialogues,
        "intent_banking77": _bank,
        "email_intent_parakweet": _mails,
    }
    if data is None:
        return {}
    return {name: list(texts(data / name)) for name, texts in known.items() if (data / name).is_dir()}


def _dialogues(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from (turn["text"] for turn in map(json.loads, lines) if turn["speaker"] == "USER")


def _bank(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            yield from (row["text"] for row in csv.DictReader(file))


def _mails(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.txt")):
        with path.open(encoding="utf-8", errors="replace") as lines:
            yield from (line.rstrip("\n").partition("\t")[2] for line in lines if line.strip())


if __name__ == "__main__":
    harness.run("refusals", measure)
