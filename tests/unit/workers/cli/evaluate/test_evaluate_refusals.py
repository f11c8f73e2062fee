"""`hearth evaluate refusals` on small files of labelled messages."""

import gzip
import json

import pytest
from click.testing import CliRunner

from workers.cli import main

ROWS = [
    ("refusal", "STOP"),
    ("refusal", "no me escriban más"),
    ("refusal", "lovely"),
    ("none", "Could you stop by on Sunday?"),
    ("none", "unsubscribe"),
    ("none", "not interested"),
    ("none", "See you then"),
]
FOUND = {"rows": 7, "recall": 2 / 3, "false_alarm_rate": 0.25, "in_doubt_rate": 0.25}


@pytest.fixture
def evaluate():
    def run(*args):
        done = CliRunner().invoke(main, ["evaluate", "refusals", *map(str, args)], prog_name="hearth")
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done

    return run


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_figures_are_those_of_the_file(evaluate, tmp_path, mark):
    path = tmp_path / "messages.csv"
    path.write_text("\n".join(mark.join(row) for row in [("label", "body"), *ROWS]) + "\n", encoding="utf-8")
    done = evaluate(path, "--text", "body", "--label", "label", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == pytest.approx(FOUND)


def test_a_compressed_file_without_a_header_is_read(evaluate, tmp_path):
    path = tmp_path / "messages.tsv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines("\t".join(row) + "\n" for row in ROWS)
    done = evaluate(path, "--columns", "label, body", "--text", "body", "--label", "label", "--json")
    assert json.loads(done.stdout) == pytest.approx(FOUND)


def test_people_get_a_table(evaluate, tmp_path):
    path = tmp_path / "messages.csv"
    path.write_text("label,body\nrefusal,STOP\nnone,hello\n")
    done = evaluate(path, "--text", "body", "--label", "label")
    assert "recall" in done.stdout
    assert "  recall            1\n" in done.stdout


def test_a_share_of_nothing_is_null(evaluate, tmp_path):
    path = tmp_path / "messages.csv"
    path.write_text("label,body\nrefusal,STOP\nRefusal,unsubscribe\n")
    found = json.loads(evaluate(path, "--text", "body", "--label", "label", "--json").stdout)
    assert found == {"rows": 2, "recall": 1.0, "false_alarm_rate": None, "in_doubt_rate": None}


def test_another_label_is_named_by_its_row(evaluate, tmp_path):
    path = tmp_path / "messages.csv"
    path.write_text("label,body\nrefusal,STOP\nmaybe,secret words\n")
    done = evaluate(path, "--text", "body", "--label", "label", "--json")
    assert done.exit_code == 1
    assert "row 2: the label is neither refusal nor none" in done.stderr
    assert "secret" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(("option", "other"), [("--text", "--label"), ("--label", "--text")])
def test_a_missing_column_is_wrong_usage(evaluate, tmp_path, option, other):
    path = tmp_path / "messages.csv"
    path.write_text("label,body\nrefusal,STOP\n")
    done = evaluate(path, option, "nothing", other, "body")
    assert done.exit_code == 2
    assert "no column 'nothing'" in done.stderr
