"""`hearth evaluate leads` on small files: what it prints and what it refuses."""

import csv
import json
import random

import pytest
from click.testing import CliRunner

from workers.cli import main

KEYS = {
    "rows", "base_rate", "auc", "pr_auc", "accuracy", "brier", "ece", "lift_top_decile", "baselines", "leakage",
    "seconds",
}  # fmt: skip


def leads(path, rows=300, mark=",", target="Converted", won="yes", lost="no", **extra):
    """A file in which `visits` and `source` tell something, with blanks, dates and many levels."""
    rng = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, delimiter=mark)
        out.writerow(["visits", "source", "came on", "town", "same", "nothing", *extra, target])
        for row in range(rows):
            visits, source = rng.randrange(10), rng.choice(["web", "phone", ""])
            good = rng.random() < 0.1 + 0.07 * visits + 0.2 * (source == "phone")
            day = f"2024-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
            cells = [visits or "", source, day, f"town {rng.randrange(2000)}", "x", ""]
            out.writerow([*cells, *(make(row, good, rng) for make in extra.values()), won if good else lost])
    return str(path)


@pytest.fixture
def evaluate():
    def run(*args):
        done = CliRunner().invoke(main, ["evaluate", "leads", *args], prog_name="hearth")
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done

    return run


def test_a_report_has_the_keys_that_others_read(evaluate, tmp_path):
    done = evaluate(leads(tmp_path / "a.csv"), "--target", "Converted", "--json")
    found = json.loads(done.stdout)
    assert found.keys() >= KEYS
    assert done.exit_code == 0
    assert "evaluating: 6 of 6" in done.stderr
    assert found["rows"] == 300
    assert 0.65 < found["auc"] < 1
    assert found["baselines"]["base_rate"]["auc"] == 0.5
    assert found["baselines"]["best_column"]["column"] == "visits"
    assert found["dropped"]["same"] == "the same value everywhere"
    assert found["dropped"]["nothing"] == "no value at all"
    assert found["leakage"] == []
    assert 0.5 <= found["interval"]["coverage"] <= 1
    assert found["intervals"]["auc"][0] < found["auc"] < found["intervals"]["auc"][1]


def test_the_same_question_has_the_same_answer(evaluate, tmp_path):
    asked = [leads(tmp_path / "a.csv"), "--target", "Converted", "--json", "--folds", "3", "--seed", "4"]
    answers = [json.loads(evaluate(*asked).stdout) | {"seconds": 0} for _ in range(2)]
    assert answers[0] == answers[1]


def test_a_column_that_tells_the_outcome_is_named_and_left_out(evaluate, tmp_path):
    path = leads(tmp_path / "a.csv", mark=";", Stage=lambda _, good, __: "signed" if good else "lost")
    found = json.loads(evaluate(path, "--target", "Converted", "--folds", "3", "--json").stdout)
    assert [leak["column"] for leak in found["leakage"]] == ["Stage"]
    assert found["auc"] < 0.95
    assert "leaks" in found["dropped"]["Stage"]
    allowed = json.loads(evaluate(path, "--target", "Converted", "--folds", "3", "--json", "--allow-leaks").stdout)
    assert allowed["auc"] > 0.99
    dropped = json.loads(evaluate(path, "--target", "Converted", "--folds", "3", "--json", "--drop", "Stage").stdout)
    assert (dropped["auc"], dropped["leakage"]) == (found["auc"], [])


def test_a_column_that_is_filled_in_for_one_outcome_only_is_named_and_left_out(evaluate, tmp_path):
    path = leads(
        tmp_path / "a.csv",
        Motivo=lambda _, good, rng: "" if good or rng.random() < 0.4 else f"reason {rng.randrange(4)}",
        **{"Signed on": lambda row, good, rng: f"2025-03-{row % 28 + 1:02}" if good and rng.random() < 0.7 else ""},
        Company=lambda row, _, rng: f"company {row % 9}" if rng.random() < 0.2 else "",
    )
    asked = [path, "--target", "Converted", "--folds", "3", "--holdout-last", "0.3", "--json"]
    found = json.loads(evaluate(*asked).stdout)
    named = {leak["column"]: leak["why"] for leak in found["leakage"]}
    assert {"Motivo", "Signed on"} <= named.keys()
    assert "Company" not in named
    assert "filled in for 0 of" in named["Motivo"]
    assert found["dropped"]["Motivo"] == f"leaks the outcome: {named['Motivo']}"
    assert max(found["auc"], found["out_of_time"]["auc"]) < 0.85
    allowed = json.loads(evaluate(*asked, "--allow-leaks").stdout)
    assert allowed["leakage"] == found["leakage"]
    assert "Motivo" not in allowed["dropped"]
    assert min(allowed["auc"], allowed["out_of_time"]["auc"]) > 0.9
    told = evaluate(path, "--target", "Converted").stdout
    assert "LEAKAGE" in told
    assert "Motivo" in told


def test_the_last_rows_are_judged_by_what_the_first_have_taught(evaluate, tmp_path):
    path = leads(tmp_path / "a.csv", rows=400)
    found = json.loads(
        evaluate(path, "--target", "Converted", "--folds", "3", "--holdout-last", "0.3", "--json").stdout
    )
    later = found["out_of_time"]
    assert (later["rows"], later["trained_on"]) == (120, 280)
    assert later["auc"] > later["baselines"]["base_rate"]["auc"] == 0.5
    assert 0 <= later["coverage"] <= 1


def test_columns_that_real_leads_may_not_be_judged_by_are_named(evaluate, tmp_path):
    path = leads(tmp_path / "a.csv", Age=lambda _, __, rng: rng.randrange(20, 80))
    plain = json.loads(evaluate(path, "--target", "Converted", "--folds", "3", "--json").stdout)
    assert plain["not_for_real_leads"] == {"Age": "age", "town": "city"}
    fair = json.loads(evaluate(path, "--target", "Converted", "--folds", "3", "--json", "--fair").stdout)
    assert "Age" in plain["top"]
    assert "Age" not in fair["top"]


def test_people_read_a_table(evaluate, tmp_path):
    done = evaluate(leads(tmp_path / "a.csv"), "--target", "Converted")
    assert done.exit_code == 0
    assert all(word in done.stdout for word in ("hearth", "base_rate", "best_column", "visits", "the same value"))


@pytest.mark.parametrize(
    "args, code, said",
    [
        (["--target", "Nope"], 2, "no column 'Nope'; there are: visits"),
        (["--target", "Converted", "--drop", "Vizits"], 2, "no column 'Vizits'"),
        (["--target", "Converted", "--positive", "maybe"], 1, "no row has 'maybe'"),
        (["--target", "source"], 1, "which is positive"),
        (["--target", "town"], 1, "name the positive one"),
        (["--target", "Converted", "--folds", "1"], 2, "folds"),
        (["--target", "Converted", "--holdout-last", "2"], 2, "holdout"),
        ([], 2, "--target"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(evaluate, tmp_path, args, code, said):
    done = evaluate(leads(tmp_path / "a.csv"), *args)
    assert done.exit_code == code
    assert said in done.stderr
    assert done.stdout == ""


def test_too_few_rows_are_counted(evaluate, tmp_path):
    done = evaluate(leads(tmp_path / "a.csv", rows=7), "--target", "Converted")
    assert done.exit_code == 1
    assert "5 folds need 5 of each" in done.stderr


def test_a_file_that_is_no_table_is_named(evaluate, tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text('{"a": 1}')
    done = evaluate(str(path), "--target", "a")
    assert done.exit_code == 1
    assert "notes.csv: this is JSON" in done.stderr
    assert evaluate(str(tmp_path / "none.csv"), "--target", "a").exit_code == 2


def test_two_files_are_one_table(evaluate, tmp_path):
    one, two = leads(tmp_path / "a.csv", rows=150), leads(tmp_path / "b.csv", rows=150)
    assert json.loads(evaluate(one, two, "--target", "Converted", "--json").stdout)["rows"] == 300
