"""`hearth evaluate facts` on small files of dialogues."""

import gzip
import json

import pytest
from click.testing import CliRunner

from workers.cli import main

SAID = [
    {"speaker": "USER", "text": "3 bedrooms", "slots": [], "acts": [["INFORM", "number_of_beds", ["3"]]]},
    {"speaker": "SYSTEM", "text": "Which day?", "slots": [], "acts": [["REQUEST", "visit_date", []]]},
    {"speaker": "USER", "text": "Are dogs ok?", "slots": [], "acts": [["REQUEST", "pets_allowed", []]]},
]
LINES = "".join(json.dumps(each) + "\n" for each in SAID)


@pytest.fixture
def evaluate():
    def run(*args):
        done = CliRunner().invoke(main, ["evaluate", "facts", *map(str, args)], prog_name="hearth")
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done

    return run


def test_the_figures_of_a_file_have_exactly_the_agreed_keys(evaluate, tmp_path):
    path = tmp_path / "talks.jsonl"
    path.write_text(LINES, encoding="utf-8")
    done = evaluate(path, "--json")
    figures = json.loads(done.stdout)
    assert list(figures) == ["turns", "visit_date", "beds", "baths", "question"]
    for kind in ("visit_date", "beds", "baths", "question"):
        assert list(figures[kind]) == ["precision", "recall", "f1", "exact", "false_alarm_rate"]
    assert (figures["turns"], figures["beds"]["f1"], figures["question"]["f1"]) == (2, 1, 1)
    assert figures["visit_date"]["recall"] is None


def test_a_compressed_file_gives_the_same(evaluate, tmp_path):
    path, zipped = tmp_path / "talks.jsonl", tmp_path / "talks.jsonl.gz"
    path.write_text(LINES, encoding="utf-8")
    with gzip.open(zipped, "wt", encoding="utf-8") as file:
        file.write(LINES)
    assert evaluate(zipped, "--json").stdout == evaluate(path, "--json").stdout


def test_people_get_a_table(evaluate, tmp_path):
    path = tmp_path / "talks.jsonl"
    path.write_text(LINES, encoding="utf-8")
    done = evaluate(path)
    assert "talks.jsonl: 2 turns" in done.stdout
    assert "visit_date" in done.stdout


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (LINES.encode() + b"{\n", "line 4: no JSON"),
        (b"\xff\xfe\xfd", "neither UTF-8 text"),
        (b"\x1f\x8b broken", "neither UTF-8 text"),
        (b"", "no turn of a user"),
        (gzip.compress(LINES.encode())[:-12], "neither UTF-8 text"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_without_a_traceback(evaluate, tmp_path, content, told):
    path = tmp_path / "talks.jsonl"
    path.write_bytes(content)
    done = evaluate(path, "--json")
    assert done.exit_code == 1
    assert told in done.output
    assert "talks.jsonl" in done.output
