"""How well drift is found: changes planted in streams of errors, beside detectors that always fire or never do.

Also what is found where nothing changes, how far performance that is estimated without labels lies from the labels, and
what an update costs.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks import harness, streams
from benchmarks.figures import Figures, Outcome, Ratio, rounded
from domain.drift import DRIFT_LEVELS, DriftLevel
from ml.arrays import Bools, Floats
from ml.monitoring.detectors import DriftDetector, Finding
from ml.monitoring.performance import estimated, realised
from ml.monitoring.population import RISK, compare, shifts
from ml.monitoring.reference import Spread, reference_of
from ml.monitoring.series import drift
from ml.online import OnlineModel
from ml.online.encoding import Features
from ml.profiles import FeatureMatrix

SEED: Final = 0
#: rate of errors before and after, and labels of each part
CHANGES: Final = ((0.20, 0.40), (0.20, 0.25), (0.05, 0.10), (0.40, 0.20))
STABLE, CHANGED = 2_000, 2_000
#: stationary labels, and the rates of their errors
STILL: Final = 100_000
STILL_RATES: Final = (0.02, 0.05, 0.20, 0.40)
#: labels between the firings of a detector that always fires, as of a weekly retraining
ALWAYS_EVERY: Final = 500
#: rows of a chunk whose performance is estimated, and first rows of a stream that are not told
CHUNK, COLD = 1_000, 1_000
SERIES: Final = 100


def measure(quick: bool) -> Outcome:
    """Everything; the estimate on Elec2 takes most of the time."""
    runs = 10 if quick else 60
    figures: Figures = {"changes": {_name(change): _found(change, runs) for change in CHANGES}}
    figures["still"] = {str(rate): _still(rate) for rate in STILL_RATES}
    figures["baselines"] = _baselines(runs)
    figures["estimated"] = _estimates(quick)
    figures["inputs"] = _inputs(runs)
    figures["update_of_100_series_ms"] = _update()
    goals = _goals(figures)
    return Outcome(data="simulated errors; Elec2 for estimates", rows=STILL, seed=SEED, figures=figures, ratios=goals)


def _goals(figures: Figures) -> dict[str, Ratio]:
    planted = figures["changes"][_name(CHANGES[0])]["retrain"]
    alarms = sum(each["retrain"] for each in figures["still"].values())
    goals = {
        "found_p90": Ratio(value=planted["p90"], goal=250, better="lower", of=".20 to .40, labels until retrain, p90"),
        "missed": Ratio(value=planted["missed"], goal=0, better="lower", of=".20 to .40, runs in which it was missed"),
        "false_alarms": Ratio(value=alarms, goal=0, better="lower", of="retrain in 100,000 stationary labels, 4 rates"),
        "update": Ratio(
            value=figures["update_of_100_series_ms"]["p50"], goal=1.0, better="lower", of="update of 100 series, ms"
        ),
    }
    for name, each in figures["estimated"].items():
        of = f"{name}: mean error of estimated accuracy / one sampling error"
        goals[f"estimated_{name}"] = Ratio(value=each["error_by_sampling"], goal=1.5, better="lower", of=of)
    return goals


def _name(change: tuple[float, float]) -> str:
    return f"{change[0]:.2f} to {change[1]:.2f}"


def _errors(rate: float, count: int, source: random.Random) -> list[float]:
    return [float(source.random() < rate) for _ in range(count)]


def _planted(change: tuple[float, float], run: int) -> list[Finding]:
    source = random.Random(SEED + run)
    return drift([*_errors(change[0], STABLE, source), *_errors(change[1], CHANGED, source)])


def _found(change: tuple[float, float], runs: int) -> Figures:
    """Labels from the change to the first finding of each level that goes the right way, and what came before it."""
    direction = "worse" if change[1] > change[0] else "better"
    told = [_planted(change, run) for run in range(runs)]
    figures: Figures = {}
    for level in DRIFT_LEVELS:
        delays = [_delay(findings, level, direction) for findings in told]
        hits = [delay for delay in delays if delay is not None]
        early = sum(found.level == level and found.at < STABLE for findings in told for found in findings)
        figures[level] = {
            "p50": _quantile(delays, 0.5),
            "p90": _quantile(delays, 0.9),
            "missed": len(delays) - len(hits),
            "false_per_10k": rounded(early / (runs * STABLE) * 10_000),
        }
    since = [abs(found.since - STABLE) for findings in told for found in findings if found.at >= STABLE][:runs]
    return {"runs": runs, **figures, "beginning_off_by_p50": _quantile(since, 0.5)}


def _delay(findings: Sequence[Finding], level: DriftLevel, direction: str) -> int | None:
    return next(
        (
            found.at - STABLE
            for found in findings
            if found.level == level and found.direction == direction and found.at >= STABLE
        ),
        None,
    )


def _quantile(values: Sequence[int | None], share: float) -> float:
    """A quantile; what was never found counts as the whole length."""
    return float(np.quantile([CHANGED if value is None else value for value in values], share)) if values else CHANGED


def _still(rate: float) -> Figures:
    """Findings in errors that stay as they are; those that go down are not counted as alarms."""
    told: list[Finding] = drift(_errors(rate, STILL, random.Random(SEED + 1)))
    return {level: sum(found.level == level and found.direction == "worse" for found in told) for level in DRIFT_LEVELS}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Firing:
    """Labels at which something fires, and where the stream changed for the worse, if it did."""

    at: Sequence[int]
    changed: int | None


def _baselines(runs: int) -> Figures:
    """Half of the streams turn worse, half stay: retrainings that were needed, and how many were asked for."""
    streams_told = [_planted(CHANGES[0] if run % 2 else (0.2, 0.2), 1000 + run) for run in range(2 * runs)]
    changed = [STABLE if run % 2 else None for run in range(2 * runs)]
    ours = [[found.at for found in told if found.level == "retrain"] for told in streams_told]
    always = [list(range(ALWAYS_EVERY - 1, STABLE + CHANGED, ALWAYS_EVERY)) for _ in changed]
    never: list[list[int]] = [[] for _ in changed]
    ways = {"detector": ours, "always_fires": always, "never_fires": never}
    return {
        name: _judged([_Firing(at=at, changed=of) for at, of in zip(each, changed, strict=True)])
        for name, each in ways.items()
    }


def _judged(fired: Sequence[_Firing]) -> Figures:
    right = [any(each.changed <= at for at in each.at) for each in fired if each.changed is not None]
    asked = sum(len(each.at) for each in fired)
    return {
        "found": rounded(sum(right) / len(right)),
        "asked": asked,
        "asked_without_need": asked - sum(right),
        "precision": rounded(sum(right) / asked) if asked else None,
    }


def _estimates(quick: bool) -> Figures:
    """Estimated and real accuracy a thousand rows: of a world whose probabilities are true, and of the online blend."""
    rng = np.random.default_rng(SEED)
    said = rng.beta(1.2, 2.5, 40_000)
    figures = {"true_probabilities": _estimated(said, rng.random(len(said)) < said)}
    stream = streams.load("elec2", 5_000 if quick else 45_312)
    if stream is not None:
        figures["elec2_blend"] = _estimated(*_served(*stream))
    return figures


def _served(rows: Sequence[Features], labels: Sequence[str]) -> tuple[Floats, Bools]:
    """What the blend says of each row before it learns it, labels at once."""
    model, positive = OnlineModel(seed=SEED), max(labels)
    truth = [label == positive for label in labels]
    said = [model.learn(row, label).probability for row, label in zip(rows, truth, strict=True)]
    return np.array(said[COLD:]), np.array(truth[COLD:])


def _estimated(said: Floats, truth: Bools) -> Figures:
    """Mean distance of estimated from real accuracy by chunk, beside a guess by the past and one sampling error."""
    errors, guesses, sampling = [], [], []
    so_far: list[float] = []
    for begin in range(0, len(said) - CHUNK + 1, CHUNK):
        chunk = slice(begin, begin + CHUNK)
        expected, real = estimated(said[chunk]), realised(truth[chunk], said[chunk])
        assert expected is not None
        assert real is not None
        errors.append(abs(expected.accuracy - real.accuracy))
        sampling.append(expected.accuracy_error)
        if so_far:
            guesses.append(abs(float(np.mean(so_far)) - real.accuracy))
        so_far.append(real.accuracy)
    return {
        "chunks": len(errors),
        "mean_error": rounded(float(np.mean(errors))),
        "as_so_far": rounded(float(np.mean(guesses))) if guesses else None,
        "sampling_error": rounded(float(np.mean(sampling))),
        "error_by_sampling": rounded(float(np.mean(errors) / np.mean(sampling))),
    }


def _inputs(runs: int) -> Figures:
    """Windows of 1,000 rows and 100 features in which nothing has moved, and in which one has by half a deviation."""
    rng = np.random.default_rng(SEED)
    names = [f"f{place}" for place in range(SERIES)]
    reference = _reference(rng, names)
    corrected = plain = found = first = 0
    for _ in range(runs):
        still = _counts(reference, names, rng.normal(size=(1_000, SERIES)))
        told = shifts(reference, still)
        corrected += sum(shift.shifted != "none" or shift.p_value < RISK for shift in told) > 0
        plain += any(compare(reference[name], reference[name].counts, still[name]).p_value < RISK for name in names)
        moved = rng.normal(size=(1_000, SERIES))
        moved[:, 7] += 0.5
        shifted = [shift for shift in shifts(reference, _counts(reference, names, moved)) if shift.shifted == "new"]
        found += any(shift.feature == "f7" for shift in shifted)
        first += bool(shifted) and shifted[0].feature == "f7"
    return {
        "windows": runs,
        "alarms_corrected": corrected,
        "alarms_uncorrected": plain,
        "half_a_deviation_found": found,
        "and_ranked_first_of_the_shifted": first,
    }


def _reference(rng: np.random.Generator, names: Sequence[str]) -> dict[str, Spread]:
    values = rng.normal(size=(20_000, len(names))).astype(np.float32)
    said = 1 / (1 + np.exp(-values[:, 7]))
    labels = rng.random(len(said)) < said
    return dict(reference_of(FeatureMatrix(columns=tuple(names), values=values), labels, said).features)


def _counts(spreads: dict[str, Spread], names: Sequence[str], values: Floats) -> dict[str, tuple[int, ...]]:
    return {name: spreads[name].count(values[:, place].tolist()) for place, name in enumerate(names)}


def _update() -> Figures:
    """Milliseconds in which 100 detectors take a value each: the median of 2,000 rounds, and the p95."""
    source, detectors = random.Random(SEED), [DriftDetector() for _ in range(SERIES)]
    taken = []
    for _ in range(2_000):
        values = _errors(0.2, SERIES, source)
        began = time.perf_counter()
        for detector, value in zip(detectors, values, strict=True):
            detector.update(value)
        taken.append(time.perf_counter() - began)
    return {name: rounded(float(np.quantile(taken, share)) * 1_000) for name, share in (("p50", 0.5), ("p95", 0.95))}


if __name__ == "__main__":
    harness.run("drift_quality", measure)
