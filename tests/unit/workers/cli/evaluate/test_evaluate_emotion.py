"""`hearth evaluate emotion`: what ships, on labels that are mapped, and a head fitted on a file."""

import gzip
import json

import pytest
from click.testing import CliRunner

from workers.cli import main

ROWS = [
    ("We love this house, it is wonderful!", "excited"),
    ("I'm so confused about the closing costs", "confused"),
    ("I feel overwhelmed by all of this", "overwhelmed"),
    ("This agent is a disgusting liar, I'm furious", "angry"),
]
MAP = 'numbers = ["glad", "cross", "other"]\n[labels]\nglad = ["excited", "confident"]\ncross = "angry"\nother = []\n'
GOEMOTIONS = "ml/language/emotion/goemotions.toml"


@pytest.fixture
def evaluate():
    def run(*args):
        done = CliRunner().invoke(main, ["evaluate", "emotion", *map(str, args)], prog_name="hearth")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


@pytest.fixture
def written(tmp_path):
    def write(name, rows, mark=","):
        path = tmp_path / name
        quoted = (f'"{text}"{mark}{label}\n' for text, label in rows)
        path.write_text("".join(quoted), encoding="utf-8")
        return path

    return write


NAMED = ("--text", "body", "--label", "label", "--json")
HEADLESS = ("--columns", "body,label", *NAMED)


def test_labels_that_are_states_need_no_mapping(evaluate, written):
    done = evaluate(written("m.csv", [("body", "label"), *ROWS]), *NAMED)
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["rows"], found["accuracy"], found["macro_f1"]) == (4, 1, 1)
    assert found["at_half_coverage"] == {"accuracy": 1}
    assert found["per_label"]["overwhelmed"]["f1"] == 1


def test_labels_and_numbers_are_mapped(evaluate, written, tmp_path):
    (tmp_path / "map.toml").write_text(MAP)
    path = written("m.txt", [(ROWS[0][0], "0"), (ROWS[3][0], "cross"), ("hm", "2")], ";")
    done = evaluate(path, *HEADLESS, "--labels", tmp_path / "map.toml")
    found = json.loads(done.stdout)
    assert set(found["per_label"]) == {"glad", "angry"}
    assert (found["rows"], found["left_out"], found["accuracy"]) == (2, 1, 1)
    assert "1 rows are left out" in done.stderr


def test_a_cell_may_have_several_labels(evaluate, tmp_path):
    path = tmp_path / "m.tsv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("".join(f"{text}\t{label},neutral\tid{row}\n" for row, (text, label) in enumerate(ROWS)))
    done = evaluate(path, "--columns", "body,label,id", *NAMED)
    found = json.loads(done.stdout)
    assert found["accuracy"] == 1
    assert found["single_label"] is None
    assert found["per_label"]["neutral"]["rows"] == 4


def test_a_head_is_fitted_on_a_files_own_labels(evaluate, written):
    train = [(f"the {word} is here {number}", word) for number in range(15) for word in ("cat", "dog")]
    done = evaluate(
        written("t.csv", [("a dog", "dog"), ("my cat", "cat")]), *HEADLESS, "--fit", written("train.csv", train)
    )
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["accuracy"] == 1


def test_people_get_tables(evaluate, written):
    done = evaluate(written("m.csv", [("body", "label"), *ROWS]), *NAMED[:-1])
    assert "accuracy, surest half" in done.stdout
    assert "overwhelmed" in done.stdout


@pytest.mark.parametrize(
    ("rows", "options", "told", "code"),
    [
        ([("a", "glad")], (), "row 1: the label is not in the mapping; it knows excited", 1),
        ([("a", "")], (), "row 1: the label is empty", 1),
        ([("a", "angry")], ("--fit", "train"), "'angry' has 20 of 20 rows", 1),
        ([("a", "angry")], ("--labels", "train"), "the mapping is no TOML", 1),
        ([("a", "angry")], ("--labels", "train", "--fit", "train"), "give one of them", 2),
        ([("a", "angry")], ("--text", "none"), "no column 'none'", 2),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(evaluate, written, rows, options, told, code):
    train = written("train.csv", [("a b", "angry"), ("c d", "angry")] * 10)
    done = evaluate(written("m.csv", rows), *HEADLESS, *(train if each == "train" else each for each in options))
    assert done.exit_code == code
    assert told in done.stderr


@pytest.mark.slow
def test_goemotions_is_read_whole(evaluate, data_folder):
    path = data_folder / "emotion_goemotions" / "test.tsv"
    if not path.is_file():
        pytest.skip("HEARTH_DATA holds no emotion_goemotions")
    options = ("--columns", "text,labels,id", "--text", "text", "--label", "labels", "--labels", GOEMOTIONS, "--json")
    found = json.loads(evaluate(path, *options).stdout)
    assert found["rows"] == 5_427
    assert found["macro_f1"] >= 0.56
    assert found["accuracy"] >= 0.64
    assert found["at_half_coverage"]["accuracy"] >= 0.79
    assert found["coverage_at_90"] >= 0.15
    assert found["ece"] <= 0.035


@pytest.mark.slow
def test_a_head_for_the_six_labels_reaches_its_goal(evaluate, data_folder):
    folder = data_folder / "emotion_six_labels"
    if not folder.is_dir():
        pytest.skip("HEARTH_DATA holds no emotion_six_labels")
    columns = ("--columns", "text,label", "--text", "text", "--label", "label", "--json")
    found = json.loads(evaluate(folder / "test.txt", *columns, "--fit", folder / "train.txt").stdout)
    assert found["rows"] == 2_000
    assert found["accuracy"] >= 0.905
    assert found["macro_f1"] >= 0.855
