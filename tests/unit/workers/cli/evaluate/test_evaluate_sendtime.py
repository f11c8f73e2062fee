"""`hearth evaluate sendtime` on small files of messages."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from workers.cli import main

START = 1_700_006_400
HOUR = 3600
#: an agent writes to four people each day at midnight, who answer at hours of their own
TALKS = [
    row
    for day in range(20)
    for who in range(4)
    for row in (
        (f"agent {day}", f"p{who}", START + day * 24 * HOUR),
        (f"p{who}", f"agent {day}", START + (day * 24 + 9 + 3 * who) * HOUR),
    )
]
OPTIONS = ("--source", "from", "--target", "to", "--at", "when")


@pytest.fixture
def evaluate():
    def run(*args):
        done = CliRunner().invoke(main, ["evaluate", "sendtime", *map(str, args)], prog_name="hearth")
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done

    return run


@pytest.fixture
def written(tmp_path):
    def write(rows, header=("from", "to", "when")):
        text = io.StringIO()
        csv.writer(text).writerows([header, *rows])
        path = tmp_path / "messages.csv"
        path.write_text(text.getvalue(), encoding="utf-8")
        return path

    return write


def test_the_answer_has_the_losses_of_all_and_by_history(evaluate, written):
    found = json.loads(evaluate(written(TALKS), *OPTIONS, "--json").stdout)
    assert (found["replies"], found["judged"], found["people"]) == (80, 40, 4)
    assert set(found["log_loss"]) == {"tenant", "own", "blended"}
    assert found["log_loss"]["blended"] < found["log_loss"]["tenant"]
    assert sum(bucket["replies"] for bucket in found["by_history"]) == 40
    assert {"tenant", "own", "blended", "history_from", "history_to", "replies"} == set(found["by_history"][0])
    assert found["by_history"][0]["own"] == pytest.approx(2.4849), "without history a slot is a guess of twelve"


def test_iso_times_give_the_same_as_unix_seconds(evaluate, written):
    unix = evaluate(written(TALKS), *OPTIONS, "--json").stdout
    dated = [(who, whom, datetime.fromtimestamp(at, UTC).isoformat()) for who, whom, at in TALKS]
    assert evaluate(written(dated), *OPTIONS, "--json").stdout == unix


def test_people_get_a_table(evaluate, written):
    done = evaluate(written(TALKS), *OPTIONS)
    assert "own replies before" in done.stdout
    assert "6 to 10" in done.stdout


def test_rows_that_name_nobody_are_left_out_and_counted(evaluate, written):
    done = evaluate(written([*TALKS, ("", "p1", START), ("p1", " ", START)]), *OPTIONS, "--json")
    assert json.loads(done.stdout)["replies"] == 80
    assert "2 rows that do not say who wrote to whom are left out" in done.stderr


@pytest.mark.parametrize("cell", ["secret", "2026", "1700006400000", "nan", ""])
def test_a_cell_that_is_no_time_is_named_by_its_row(evaluate, written, cell):
    done = evaluate(written([*TALKS[:3], ("a", "b", cell)]), *OPTIONS, "--json")
    assert done.exit_code == 1
    assert "row 4 is neither unix seconds nor a date and time" in done.stderr
    assert "secret" not in done.stderr
    assert done.stdout == ""


def test_a_file_in_which_nobody_replies_says_so(evaluate, written):
    done = evaluate(written([row for row in TALKS if row[0].startswith("agent")]), *OPTIONS)
    assert done.exit_code == 1
    assert "at least two people must have replied within 72 hours" in done.stderr


@pytest.mark.parametrize("option", ["--source", "--target", "--at"])
def test_a_missing_column_is_wrong_usage(evaluate, written, option):
    given = dict(zip(OPTIONS[::2], OPTIONS[1::2], strict=True)) | {option: "nothing"}
    done = evaluate(written(TALKS), *(part for pair in given.items() for part in pair))
    assert done.exit_code == 2
    assert "no column 'nothing'" in done.stderr
