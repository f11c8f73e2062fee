"""How long a message takes to read: the tone, and the whole analysis, beside VADER and TextBlob in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from benchmarks import harness, train_emotion
from benchmarks.figures import Figures, Outcome, Ratio, percentile, rounded
from ml.language.refusals import RefusalVerdict

SEED = 0
HEAD_GOAL, ANALYSIS_GOAL, BATCH_GOAL = 1.0, 2.5, 5.0
BATCH = 256
#: messages, one at a time, after which the next reader has its turn
IN_TURN = 32
#: messages that are read, in whole batches
ROWS, QUICK = 8 * BATCH, 2 * BATCH
#: own messages, where no data set is at hand
OWN = (
    "Hi, is the house on Maple still available? We would love to see it this weekend.",
    "Thanks for sending those over! The second one looks great.",
    "I have left two voicemails and nobody has called me back. Very frustrating.",
    "We got pre-approved for 450k last week, 3 beds and at least 2 baths please",
    "Sorry, I'm a bit confused about the closing costs. Who pays the transfer tax?",
    "No thanks, that one is over our budget.",
    "Can we do tomorrow at 3pm instead?",
    "To be honest we are worried about the inspection and what happens if the appraisal comes in low.",
)
_AT, _ZONE = datetime(2026, 3, 2, 15, tzinfo=UTC), ZoneInfo("America/New_York")

Reader = Callable[[Sequence[str]], object]


def measure(quick: bool) -> Outcome:
    """Time each reader on the same messages, in turn, so that all have the same neighbours on the machine."""
    rows = QUICK if quick else ROWS
    name, texts, others = _messages(rows)
    readers: dict[str, Reader] = {"lexicons": _lexicons(), "head": _head(), "analysis": _analysis()}
    readers |= _parts()
    for read in readers.values():  # a worker has loaded its models, and has read other messages before
        for batch in _batches(others):
            read(batch)
    alone = _timed_alone(readers, texts)
    together = {reader: _timed_together(readers[reader], texts) for reader in ("head", "analysis")}
    figures: Figures = {
        "alone_ms": {reader: _spread(times) for reader, times in alone.items()},
        "in_batches_ms": {reader: rounded(each) for reader, each in together.items()},
    }
    return Outcome(data=name, rows=len(texts), seed=SEED, figures=figures, ratios=_ratios(alone, together))


def _messages(rows: int) -> tuple[str, list[str], list[str]]:
    """Give the name of the data, the messages to time, and others."""
    data = harness.data_folder()
    if data is not None and (data / train_emotion.DATA).is_dir():
        folder = data / train_emotion.DATA
        timed, others = (
            train_emotion.rows(folder / train_emotion.TEST)[0],
            train_emotion.rows(folder / train_emotion.DEV)[0],
        )
        return train_emotion.DATA, timed[:rows], others[:ROWS]
    return "own messages", [OWN[row % len(OWN)] for row in range(rows)], list(OWN)


def _lexicons() -> Reader:
    from textblob import TextBlob
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    return lambda texts: [(analyzer.polarity_scores(text), TextBlob(text).sentiment) for text in texts]


def _head() -> Reader:
    from ml.language.emotion.reader import read_tones

    return lambda texts: read_tones(texts, ["en"] * len(texts))


def _parts() -> dict[str, Reader]:
    """Give the other large parts of the analysis, to see where its time goes, and what workers do of a message."""
    from ml.language.facts.reader import read_facts
    from ml.language.sentiment.reader import read_sentiments

    return {
        "sentiment": read_sentiments,
        "facts": lambda texts: [read_facts(text, at=_AT, zone=_ZONE) for text in texts],
        "analysis_of_a_stored_message": _analysis("none"),
    }


def _analysis(refusal: RefusalVerdict | None = None) -> Reader:
    """Give the analysis; of a stored message is known whether it refuses something, since it was read for that then."""
    from ml.language.analysis import analyse

    def read(texts: Sequence[str]) -> object:
        rows = len(texts)
        return analyse(texts, at=[_AT] * rows, zones=[_ZONE] * rows, refusals=[refusal] * rows)

    return read


def _timed_alone(readers: dict[str, Reader], texts: Sequence[str]) -> dict[str, list[float]]:
    """Give the processor milliseconds of each message, one at a time; the readers take turns."""
    times: dict[str, list[float]] = {reader: [] for reader in readers}
    for start in range(0, len(texts), IN_TURN):
        for reader, read in readers.items():
            times[reader] += [_milliseconds(read, [text]) for text in texts[start : start + IN_TURN]]
    return times


def _timed_together(read: Reader, texts: Sequence[str]) -> float:
    """Give the processor milliseconds a message, in batches."""
    return sum(_milliseconds(read, batch) for batch in _batches(texts)) / len(texts)


def _milliseconds(read: Reader, texts: Sequence[str]) -> float:
    started = time.process_time_ns()
    read(texts)
    return (time.process_time_ns() - started) / 1e6


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    left = iter(texts)
    while batch := list(islice(left, BATCH)):
        yield batch


def _spread(times: Sequence[float]) -> Figures:
    told = {"mean": sum(times) / len(times), "p50": percentile(times, 0.5), "p95": percentile(times, 0.95)}
    return {name: rounded(value) for name, value in told.items()}


def _ratios(alone: dict[str, list[float]], together: dict[str, float]) -> dict[str, Ratio]:
    lexicons = sum(alone["lexicons"])
    goals = {"head": HEAD_GOAL, "analysis": ANALYSIS_GOAL}
    beside = {
        f"{reader}_to_lexicons": Ratio(
            value=sum(alone[reader]) / lexicons,
            goal=goal,
            better="lower",
            of=f"{reader} / (VADER + TextBlob), one message",
        )
        for reader, goal in goals.items()
    }
    batches = {
        f"{reader}_batch": Ratio(
            value=sum(alone[reader]) / len(alone[reader]) / together[reader],
            goal=BATCH_GOAL,
            better="higher",
            of=f"{reader}: a message alone / in batches of {BATCH}",
        )
        for reader in goals
    }
    return beside | batches


if __name__ == "__main__":
    harness.run("language_speed", measure)
