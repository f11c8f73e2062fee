"""What a signal costs: the online model beside a bare loop over the same River learners, and the size of its state.

Both take turns on the same rows, and the time is the processor's, so that neighbours on the machine matter less. The
bare loop is what River's own pages show: each learner, with its scaler in a pipeline, asked for a probability and then
taught. `--signals 200000` measures the state after as many signals.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from river import ensemble, forest, linear_model, naive_bayes, neighbors, optim, preprocessing, tree

from benchmarks import harness, streams
from benchmarks.figures import Figures, Outcome, Ratio, rounded
from domain.learners import LEARNERS
from ml.online import OnlineModel, checkpoint
from ml.online.encoding import Features
from ml.online.learners import shipped

SEED = 0
SPEED_GOAL = 0.85
#: bytes of the state as it is pickled, without compression, and how much the second half of the signals may add
STATE_GOAL, GROWTH_GOAL = 8.0, 1.25
ROWS, QUICK = 6_000, 1_500
SIGNALS, QUICK_SIGNALS = 20_000, 2_000
#: rows, after which the other has its turn
IN_TURN = 100


def measure(quick: bool, signals: int) -> Outcome:
    """The speed at 6, 40 and 88 columns, then the state at 40."""
    rows = QUICK if quick else ROWS
    figures: Figures = {}
    ratios: dict[str, Ratio] = {}
    for columns in (6, 40) if quick else (6, 40, 88):
        features, labels = streams.wide(rows if columns == 6 else rows // 3, columns, SEED)
        bare, ours = _in_turn([_bare(), _ours()], features, labels)
        figures[f"columns_{columns}"] = {"bare_ms": rounded(bare), "ours_ms": rounded(ours)}
        of = f"signals a second of the online model over those of the bare loop, {columns} columns"
        ratios[f"speed_{columns}"] = Ratio(value=bare / ours, goal=SPEED_GOAL, better="higher", of=of)
    half, whole, figures["state"] = _state(signals)
    ratios["state_mb"] = Ratio(value=whole, goal=STATE_GOAL, better="lower", of=f"MB of state, {signals} signals")
    ratios["growth"] = Ratio(value=whole / half, goal=GROWTH_GOAL, better="lower", of="state at the end over half-way")
    return Outcome(data="simulated", rows=rows + signals, seed=SEED, figures=figures, ratios=ratios)


def _in_turn(
    learners: Sequence[Callable[[Features, bool], object]], features: Sequence[Features], labels: Sequence[bool]
) -> list[float]:
    """Processor milliseconds a row of each."""
    spent = [0.0] * len(learners)
    for start in range(0, len(labels), IN_TURN):
        for place, learn in enumerate(learners):
            started = time.process_time()
            for row in range(start, min(start + IN_TURN, len(labels))):
                learn(features[row], labels[row])
            spent[place] += time.process_time() - started
    return [seconds / len(labels) * 1000 for seconds in spent]


def _ours() -> Callable[[Features, bool], object]:
    return OnlineModel(SEED).learn


def _bare() -> Callable[[Features, bool], object]:
    learners = _stock()

    def learn(features: Features, label: bool) -> None:
        for learner in learners:
            learner.predict_proba_one(features)
            learner.learn_one(features, label)

    return learn


def _stock() -> list[Any]:
    """River's own learners with the settings of ours, in the order of LEARNERS."""
    options: Mapping[str, Mapping[str, float]] = {name: shipped()[name].options for name in LEARNERS}
    rate, grace = options["logistic_regression"]["learning_rate"], int(options["hoeffding_tree"]["grace_period"])
    knn, arf = options["knn"], options["adaptive_random_forest"]
    scaler = preprocessing.StandardScaler
    engine = neighbors.LazySearch(window_size=int(knn["window"]))
    return [
        scaler() | linear_model.LogisticRegression(optim.SGD(rate), intercept_lr=rate),
        scaler() | linear_model.PAClassifier(C=options["passive_aggressive"]["aggressiveness"], mode=1),
        naive_bayes.GaussianNB(),
        scaler() | neighbors.KNNClassifier(n_neighbors=int(knn["neighbours"]), engine=engine),
        tree.HoeffdingTreeClassifier(grace_period=grace),
        tree.HoeffdingAdaptiveTreeClassifier(grace_period=grace, seed=SEED),
        forest.ARFClassifier(n_models=int(arf["trees"]), grace_period=int(arf["grace_period"]), seed=SEED),
        ensemble.ADWINBaggingClassifier(
            tree.HoeffdingTreeClassifier(grace_period=grace),
            n_models=int(options["adwin_bagging"]["trees"]),
            seed=SEED,
        ),
    ]


def _state(signals: int) -> tuple[float, float, Figures]:
    """MB of the pickled state half-way and at the end, and what a checkpoint of it takes."""
    model = OnlineModel(SEED)
    half = 0.0
    for row, (features, label) in enumerate(zip(*streams.wide(signals, 40, SEED), strict=True)):
        if row == signals // 2:
            half = _megabytes(pickle.dumps(model))
        model.learn(features, label)
    started = time.process_time()
    written = checkpoint.dump(model)
    dumped = time.process_time()
    checkpoint.load(written)
    loaded = time.process_time()
    whole = _megabytes(pickle.dumps(model))
    return (
        half,
        whole,
        {
            "signals": signals,
            "half_way_mb": rounded(half),
            "mb": rounded(whole),
            "checkpoint_mb": rounded(_megabytes(written)),
            "dump_ms": rounded((dumped - started) * 1000),
            "load_ms": rounded((loaded - dumped) * 1000),
        },
    )


def _megabytes(data: bytes) -> float:
    return len(data) / 1e6


def main() -> None:
    """Read the command line."""
    parser = harness.parser("Measures online_speed.")
    parser.add_argument("--signals", type=int, help="signals after which the state is measured")
    asked = parser.parse_args()
    signals = asked.signals or (QUICK_SIGNALS if asked.quick else SIGNALS)
    harness.show("online_speed", asked.quick, lambda: measure(asked.quick, signals))


if __name__ == "__main__":
    main()
