"""`hearth evaluate churn` on small tables that were made up; the code beneath is that of `hearth evaluate leads`."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from workers.cli import main

FIGURES = {"auc", "pr_auc", "accuracy", "brier", "ece", "lift_top_decile", "recall_top_decile"}
SHARED = FIGURES | {"rows", "base_rate", "baselines", "leakage", "seconds", "members"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two parts of one table: who is silent and calls the service often goes away."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("churn")
    paths = [folder / "first.csv", folder / "second.csv"]
    for path in paths:
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["plan", "silent", "day calls", "eve calls", "night calls", "left"])
            for _ in range(150):
                silent, calls = rng.integers(0, 40), rng.poisson(4, 3)
                left = silent / 10 + calls.sum() / 6 + rng.normal() > 4.5
                writer.writerow([rng.choice(["a", "b"]), silent, *calls, "yes" if left else "no"])
    return paths


def evaluate(*args):
    return CliRunner().invoke(main, ["evaluate", *map(str, args)], prog_name="hearth")


@pytest.fixture(scope="module")
def report(files):
    shown = evaluate("churn", *files, "--target", "left", "--json")
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.stdout)


@pytest.mark.slow
def test_the_report_has_the_figures_of_all_and_of_each_member(report):
    assert set(report) >= SHARED
    assert set(report["members"]) == {"lr", "rf", "gb"}
    assert all(set(member) == FIGURES | {"rows", "base_rate"} for member in report["members"].values())
    assert report["rows"] == 300


@pytest.mark.slow
def test_the_ensemble_learns_and_is_calibrated_enough_to_beat_the_base_rate(report):
    assert report["auc"] > 0.85
    assert report["brier"] < report["baselines"]["base_rate"]["brier"]
    assert set(report["baselines"]["plain_boosting"]) == FIGURES
    assert report["auc"] >= report["baselines"]["plain_boosting"]["auc"] - 0.001
    assert set(report["options"]) == {"lr", "rf", "gb"}
    assert report["recall_top_decile"] == pytest.approx(report["lift_top_decile"] / 10)
    assert any("sum of calls" in name for name in report["top"])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_report(files, report):
    again = json.loads(evaluate("churn", *files, "--target", "left", "--json").stdout)
    assert {**again, "seconds": 0} == {**report, "seconds": 0}


@pytest.mark.slow
def test_people_see_the_members_side_by_side(files):
    shown = evaluate("churn", files[0], "--target", "left", "--folds", "2")
    assert shown.exit_code == 0
    assert {"hearth", "lr", "rf", "gb", "base_rate"} <= {line.split()[0] for line in shown.stdout.splitlines() if line}


def test_what_is_wrong_is_said_in_a_line(files, tmp_path):
    assert evaluate("churn", files[0], "--target", "gone").exit_code == 2
    few = tmp_path / "few.csv"
    few.write_text("a,left\n1,yes\n2,no\n3,no\n")
    refused = evaluate("churn", few, "--target", "left")
    assert refused.exit_code == 1
    assert "folds need" in refused.stderr


DATA = Path(os.environ.get("HEARTH_DATA", Path(__file__).parents[6] / "shared" / "data")) / "churn_sgi_telecom"


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="HEARTH_DATA holds no churn_sgi_telecom")
def test_parts_of_a_real_table_are_one_table():
    parts = sorted(DATA.glob("*.csv"))
    found = json.loads(evaluate("churn", *parts, "--target", "Churn", "--folds", "2", "--json").stdout)
    assert (found["rows"], round(found["base_rate"], 4)) == (3333, 0.1449)
    assert found["accuracy"] > 0.955
    assert found["members"]["lr"]["accuracy"] < found["accuracy"]
