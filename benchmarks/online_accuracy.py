"""How well the online blend scores: streams in their order, test then train, beside each learner alone and a race."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import harness, streams
from benchmarks.figures import Figures, Outcome, Ratio, rounded
from ml.online.encoding import Features
from ml.online.evaluation import StreamFigures, evaluate

SEED = 0
#: no stream may be further behind its best learner than this
BEHIND = 0.01
#: rows after which labels come in the late streams
LATE_HOURS, LATE = 48, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream to measure, and how late its outcomes come."""

    name: str
    rows: Sequence[Features]
    labels: Sequence[str]
    delay: int = 0


def measure(quick: bool) -> Outcome:
    """Each stream in turn; without real sets the simulated ones alone."""
    figures: Figures = {}
    ratios: dict[str, Ratio] = {}
    total = 0
    for stream in _streams(quick):
        started = time.monotonic()
        found = evaluate(stream.rows, stream.labels, seed=SEED, delay=stream.delay)
        figures[stream.name] = {**_shown(found), "seconds": rounded(time.monotonic() - started)}
        ratios |= _goals(stream.name, found)
        total += found.rows
    return Outcome(data=" and ".join(figures), rows=total, seed=SEED, figures=figures, ratios=ratios)


def _streams(quick: bool) -> list[Stream]:
    found = []
    most = {"elec2": 45_312, "x_education": 9_240, "bank": 12_000, "keystroke": 1_600, "outdoor": 4_000}
    for name, rows in most.items():
        if quick and name not in ("elec2", "keystroke"):
            continue
        loaded = streams.load(name, min(rows, 6_000) if quick else rows)
        if loaded is not None:
            found.append(Stream(name=name, rows=loaded[0], labels=loaded[1]))
            late = {"elec2": LATE_HOURS, "x_education": LATE}.get(name)
            if late is not None:
                found.append(Stream(name=f"{name}_{late}_late", rows=loaded[0], labels=loaded[1], delay=late))
    for kind in ("still", "turning", "rare", "noise"):
        rows_, labels = streams.simulated(kind, 3_000 if quick else 12_000, seed=SEED)
        found.append(Stream(name=kind, rows=rows_, labels=labels))
    return found


def _shown(found: StreamFigures) -> Figures:
    blend, best = found.blend, found.best_single
    return {
        "rows": found.rows,
        "classes": found.classes,
        "delay": found.delay,
        "blend": {
            name: None if value is None else rounded(value)
            for name, value in (
                ("accuracy", blend.accuracy),
                ("log_loss", blend.log_loss),
                ("ece", blend.ece),
                ("kappa", blend.kappa),
                ("kappa_t", blend.kappa_t),
            )
        },
        "best_single": {"name": best.name, "accuracy": rounded(best.accuracy), "log_loss": rounded(best.log_loss)},
        "best_accuracy": rounded(max(learner.accuracy for learner in found.learners.values())),
        "race": {"accuracy": rounded(found.race.accuracy), "log_loss": rounded(found.race.log_loss)},
        "no_change": rounded(found.no_change.accuracy),
        "drift": {"warnings": len(found.drift.warnings), "detections": list(found.drift.detections)},
    }


def _goals(name: str, found: StreamFigures) -> dict[str, Ratio]:
    behind = found.blend.log_loss - found.best_single.log_loss
    of = "log-loss of the blend minus that of the best learner alone"
    ratios = {f"behind.{name}": Ratio(value=behind, goal=BEHIND, better="lower", of=of)}
    ahead = found.blend.accuracy - max(learner.accuracy for learner in found.learners.values())
    if name == f"elec2_{LATE_HOURS}_late":
        of = "accuracy of the blend minus the highest of a learner, outcomes late"
        ratios["late.elec2"] = Ratio(value=ahead, goal=0.0, better="higher", of=of)
    return ratios | (_goals_of_elec2(found, ahead) if name == "elec2" else {})


def _goals_of_elec2(found: StreamFigures, ahead: float) -> dict[str, Ratio]:
    blend = found.blend
    share = blend.log_loss / found.best_single.log_loss
    return {
        "accuracy.elec2": Ratio(value=blend.accuracy, goal=0.885, better="higher", of="accuracy of the blend"),
        "ahead.elec2": Ratio(value=ahead, goal=0.03, better="higher", of="accuracy minus the highest of a learner"),
        "log_loss.elec2": Ratio(value=blend.log_loss, goal=0.29, better="lower", of="log-loss of the blend"),
        "log_loss_share.elec2": Ratio(
            value=share, goal=0.80, better="lower", of="log-loss over that of the best alone"
        ),
        "ece.elec2": Ratio(value=blend.ece, goal=0.02, better="lower", of="calibration error of the blend"),
        "kappa_t.elec2": Ratio(value=blend.kappa_t or 0.0, goal=0.20, better="higher", of="kappa-T of the blend"),
    }


if __name__ == "__main__":
    harness.run("online_accuracy", measure)
