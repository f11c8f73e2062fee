"""`hearth evaluate stream` on small files."""

import csv
import io
import json

import pytest
from click.testing import CliRunner

from domain.learners import LEARNERS
from tests.support.streams import leads
from workers.cli import main

#: the keys that others read
KEYS = {
    "blend": {"accuracy", "log_loss", "ece", "kappa", "kappa_t"},
    "no_change": {"accuracy"},
    "best_single": {"name", "accuracy", "log_loss"},
    "drift": {"warnings", "detections", "delay", "missed", "false_alarms"},
}


@pytest.fixture
def evaluate():
    def run(*args):
        done = CliRunner().invoke(main, ["evaluate", "stream", *map(str, args)], prog_name="hearth")
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done

    return run


@pytest.fixture
def written(tmp_path):
    def write(rows, turn=None, delimiter=",", *, blank=()):
        features, labels = leads(rows, seed=1, turn=turn)
        text = io.StringIO()
        table = csv.writer(text, delimiter=delimiter)
        table.writerow(["views", "noise", "source", "won"])
        for row, (each, label) in enumerate(zip(features, labels, strict=True)):
            answer = "" if row in blank else "yes" if label else "no"
            table.writerow(["" if each["views"] is None else each["views"], each["noise"], each["source"], answer])
        path = tmp_path / "leads.csv"
        path.write_text(text.getvalue(), encoding="utf-8")
        return path

    return write


def test_the_answer_has_what_is_promised(evaluate, written):
    found = json.loads(evaluate(written(300, delimiter=";"), "--target", "won", "--json").stdout)
    assert (found["rows"], found["classes"], found["delay"]) == (300, 2, 0)
    assert tuple(found["learners"]) == LEARNERS
    assert all({"accuracy", "kappa", "log_loss", "rows_per_second"} == set(own) for own in found["learners"].values())
    for part, keys in KEYS.items():
        assert keys <= set(found[part])
    assert {"accuracy", "log_loss"} <= set(found["race"])
    assert found["blend"]["accuracy"] > 0.6


def test_people_see_the_blend_first(evaluate, written):
    told = evaluate(written(120), "--target", "won").stdout
    assert told.index("blend, which serves") < told.index("logistic_regression")
    assert "detections" in told


def test_the_same_file_and_seed_give_the_same_figures(evaluate, written):
    path = written(200)
    seeds = ("0", "0", "1")
    answers = [json.loads(evaluate(path, "--target", "won", "--seed", seed, "--json").stdout) for seed in seeds]
    first, second, other = (answer["blend"] for answer in answers)
    assert first == second
    assert first != other


def test_dropped_columns_and_late_outcomes_cost_something(evaluate, written):
    path = written(400)
    for extra in (("--drop", "views,source"), ("--delay", "150")):
        found = json.loads(evaluate(path, "--target", "won", *extra, "--json").stdout)
        assert (
            found["blend"]["log_loss"]
            > json.loads(evaluate(path, "--target", "won", "--json").stdout)["blend"]["log_loss"]
        )


def test_positions_score_the_detectors(evaluate, written, tmp_path):
    truth = tmp_path / "truth.json"
    truth.write_text('{"drifts": [900], "width": 1}')
    found = json.loads(evaluate(written(1800, turn=900), "--target", "won", "--positions", truth, "--json").stdout)
    assert (found["drift"]["missed"], found["drift"]["false_alarms"]) == (0, 0)
    assert 0 < found["drift"]["delay"] < 900


def test_rows_without_a_label_are_left_out_and_counted(evaluate, written):
    done = evaluate(written(80, blank=(3, 4)), "--target", "won", "--json")
    assert json.loads(done.stdout)["rows"] == 78
    assert "2 rows without a label are left out" in done.stderr


@pytest.mark.parametrize(
    "truth",
    ["", "[]", '{"drifts": 5}', '{"drifts": [-1]}', '{"drifts": ["9"]}', '{"drifts": [1], "width": 0.5}', "\x00"],
)
def test_positions_that_cannot_be_read_are_explained(evaluate, written, tmp_path, truth):
    path = tmp_path / "truth.json"
    path.write_text(truth)
    done = evaluate(written(60), "--target", "won", "--positions", path)
    assert done.exit_code == 1
    assert 'must be such as {"drifts"' in done.stderr


@pytest.mark.parametrize(
    ("extra", "code", "message"),
    [
        (("--target", "nothing"), 2, "no column"),
        (("--target", "won", "--drop", "viewz"), 2, "no column"),
        (("--target", "won", "--drop", "views,noise,source"), 1, "no column is left"),
        (("--target", "views"), 1, "a stream needs 2 to 100"),
        (("--target", "won", "--delay", "-1"), 2, "--delay"),
    ],
)
def test_what_cannot_be_done_is_explained(evaluate, written, extra, code, message):
    done = evaluate(written(160), *extra)
    assert done.exit_code == code
    assert message in done.stderr
