"""A stream from top to bottom: figures that agree with the model that serves, late outcomes, several classes, drift."""

import csv
import dataclasses
import gzip
import json
import random

import pytest

from domain.learners import LEARNERS
from ml.errors import LabelsError
from ml.online import OnlineModel
from ml.online.drift_score import Positions, score_drift
from ml.online.evaluation import evaluate
from tests.support.streams import leads


def words(labels):
    return ["yes" if label else "no" for label in labels]


def test_the_figures_are_those_of_the_model_that_serves():
    features, labels = leads(500)
    figures = evaluate(features, words(labels), seed=2)
    model = OnlineModel(seed=2)
    for row, label in zip(features, labels, strict=True):
        model.learn(row, label)
    report = model.report()
    assert figures.blend.accuracy == report.accuracy
    assert figures.blend.log_loss == pytest.approx(report.log_loss, rel=1e-9)
    assert figures.race.leader == report.race.leader
    assert figures.no_change.accuracy == report.no_change
    json.dumps(dataclasses.asdict(figures), allow_nan=False)


def test_the_best_single_is_the_one_with_the_lowest_log_loss():
    features, labels = leads(400)
    figures = evaluate(features, words(labels))
    assert set(figures.learners) == set(LEARNERS)
    assert figures.best_single.log_loss == min(learner.log_loss for learner in figures.learners.values())
    assert all(learner.rows_per_second > 0 for learner in figures.learners.values())


def test_late_outcomes_are_worth_less_and_are_not_looked_at_before():
    features, labels = leads(600)
    at_once, late, never = (evaluate(features, words(labels), delay=delay) for delay in (0, 200, 5000))
    assert at_once.blend.log_loss < late.blend.log_loss < never.blend.log_loss
    assert never.blend.log_loss == pytest.approx(0.6931, abs=1e-3), "nothing was ever learnt: the prior, all along"
    assert (at_once.delay, late.delay) == (0, 200)


def test_several_classes_are_learnt_and_the_vector_is_judged():
    source = random.Random(0)
    labels = [source.choice(["a", "b", "c"]) for _ in range(500)]
    features = [{"x": "abc".index(label) + source.gauss(0, 0.3), "y": source.random()} for label in labels]
    figures = evaluate(features, labels)
    assert figures.classes == 3
    assert figures.blend.accuracy > 0.85
    assert figures.blend.log_loss <= figures.best_single.log_loss + 0.01
    assert figures.no_change.accuracy < 0.5


def test_of_many_classes_a_few_learn_from_a_row_and_it_still_tells_them():
    source = random.Random(0)
    labels = [str(source.randrange(12)) for _ in range(700)]
    features = [
        {"x": int(label) % 4 + source.gauss(0, 0.1), "y": int(label) // 4 + source.gauss(0, 0.1)} for label in labels
    ]
    figures = evaluate(features, labels)
    assert figures.blend.accuracy > 0.8
    assert figures.learners["gaussian_nb"].log_loss < 1.2, "a guess among twelve is 2.48"


@pytest.mark.parametrize("labels", [["a"] * 5, [str(row) for row in range(101)]])
def test_a_target_of_one_or_of_too_many_values_is_refused(labels):
    with pytest.raises(LabelsError, match="2 to 100"):
        evaluate([{"x": 1.0}] * len(labels), labels)


def test_a_sudden_change_is_found_and_scored():
    features, labels = leads(2400, seed=1, turn=1200)
    figures = evaluate(features, words(labels), positions=Positions(drifts=(1200,)))
    assert (figures.drift.missed, figures.drift.false_alarms) == (0, 0)
    assert 0 < figures.drift.delay <= 400


@pytest.mark.parametrize(
    ("detections", "drifts", "width", "delay", "missed", "false_alarms"),
    [
        ((), (), 1, None, 0, 0),
        ((), (500,), 1, None, 1, 0),
        ((499,), (500,), 1, None, 1, 1),
        ((500, 700), (500,), 1, 0.0, 0, 1),
        ((1499,), (500,), 1, 999.0, 0, 0),
        ((1500,), (500,), 1, None, 1, 1),
        ((1600,), (500, 1550), 1, 50.0, 1, 0),
        ((900,), (1000,), 400, 0.0, 0, 0),
        ((2900,), (1000,), 2000, 1900.0, 0, 0),
    ],
)
def test_detections_belong_to_the_change_in_whose_span_they_lie(detections, drifts, width, delay, missed, false_alarms):
    scored = score_drift((), detections, Positions(drifts=drifts, width=width))
    assert (scored.delay, scored.missed, scored.false_alarms) == (delay, missed, false_alarms)


@pytest.mark.slow
def test_the_first_rows_of_elec2_reach_what_is_promised(data_folder):
    path = data_folder / "drift_elec2" / "elec.csv.gz"
    if not path.is_file():
        pytest.skip(f"no {path.name} in the folder of HEARTH_DATA")
    with gzip.open(path, "rt") as text:
        rows = list(csv.DictReader(text))[:10_000]
    labels = [row.pop("class") for row in rows]
    figures = evaluate([{name: float(cell) for name, cell in row.items()} for row in rows], labels)
    assert figures.blend.accuracy >= figures.best_single.accuracy + 0.03
    assert figures.blend.log_loss <= 0.8 * figures.best_single.log_loss
    assert figures.blend.ece <= 0.02
    assert figures.blend.kappa_t >= 0.2
