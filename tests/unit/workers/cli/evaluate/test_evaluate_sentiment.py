"""`hearth evaluate sentiment` on small files of rated and labelled texts."""

import json

import pytest
from click.testing import CliRunner

from workers.cli import main

ROWS = [
    ("lovely porch", 5, "pos"),
    ("we love it", 5, "pos"),
    ("it is a house", 3, "mid"),
    ("terrible porch", 1, "neg"),
    ("we hate it", 1, "neg"),
]
READERS = {"hearth", "vader", "textblob"}


@pytest.fixture
def evaluate():
    def run(*args):
        done = CliRunner().invoke(main, ["evaluate", "sentiment", *map(str, args)], prog_name="hearth")
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done

    return run


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "texts.csv"
    file.write_text("\n".join(",".join(map(str, row)) for row in [("body", "stars", "label"), *ROWS]) + "\n")
    return file


def test_ratings_are_followed(evaluate, path):
    done = evaluate(path, "--text", "body", "--rating", "stars", "--json")
    found = json.loads(done.stdout)
    assert found.keys() == {"rows", "pearson"}
    assert found["rows"] == 5
    assert found["pearson"].keys() == READERS
    assert found["pearson"]["hearth"] > 0.9


def test_labels_are_told_apart(evaluate, path):
    found = json.loads(evaluate(path, "--text", "body", "--label", "label", "--positive", "pos", "--json").stdout)
    assert found.keys() == {"rows", "accuracy", "auc"}
    assert found["rows"] == 5
    assert found["accuracy"].keys() == found["auc"].keys() == READERS
    assert found["auc"]["hearth"] == 1.0


def test_rows_of_other_labels_can_be_left_out(evaluate, path):
    done = evaluate(path, "--text", "body", "--label", "label", "--positive", "pos", "--negative", "neg", "--json")
    assert json.loads(done.stdout)["rows"] == 4
    assert "1 rows without one of the labels or ratings are left out" in done.stderr


def test_heads_are_fitted_on_the_file_in_folds(evaluate, tmp_path):
    file = tmp_path / "more.csv"
    file.write_text("body,stars\n" + "".join(f"{text} {n},{stars}\n" for n in range(4) for text, stars, _ in ROWS))
    found = json.loads(evaluate(file, "--text", "body", "--rating", "stars", "--folds", "4", "--json").stdout)
    assert found.keys() == {"rows", "pearson", "folds"}
    assert found["folds"]["folds"] == 4
    assert found["folds"]["pearson"].keys() == READERS


def test_a_tab_separated_file_without_quoting_keeps_its_rows(evaluate, tmp_path):
    file = tmp_path / "texts.txt"
    plain = "".join(f"{number}\t1\tnice\n" for number in range(30))
    file.write_text(plain + '31\t2.5\t"lovely porch\n32\t-1\tso "bad"\n33\t0\t"a" house\n34\t1.5\tnice "one\n')
    done = evaluate(file, "--columns", "id,rating,text", "--text", "text", "--rating", "rating", "--json")
    assert json.loads(done.stdout)["rows"] == 34


def test_people_get_a_list(evaluate, path):
    done = evaluate(path, "--text", "body", "--rating", "stars")
    assert "pearson hearth" in done.stdout


def test_a_rating_that_is_no_number_is_named_by_its_row(evaluate, tmp_path):
    file = tmp_path / "texts.csv"
    file.write_text("body,stars\nsecret words,3\nother,many\n")
    done = evaluate(file, "--text", "body", "--rating", "stars", "--json")
    assert done.exit_code == 1
    assert "row 2: the rating is no number" in done.stderr
    assert "secret" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "options, said",
    [
        (("--text", "none", "--rating", "stars"), "no column 'none'"),
        (("--text", "body", "--rating", "none"), "--rating"),
        (("--text", "body", "--label", "none", "--positive", "x"), "--label"),
        (("--text", "body"), "give either --rating or --label"),
        (("--text", "body", "--rating", "stars", "--label", "label"), "give either --rating or --label"),
        (("--text", "body", "--label", "label"), "--label needs --positive"),
        (("--text", "body", "--label", "label", "--positive", "pos", "--folds", "2"), "--folds needs --rating"),
    ],
)
def test_wrong_usage_is_explained(evaluate, path, options, said):
    done = evaluate(path, *options)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_label_that_no_row_has_and_too_few_rows_are_failures(evaluate, path):
    assert evaluate(path, "--text", "body", "--label", "label", "--positive", "x").exit_code == 1
    assert evaluate(path, "--text", "body", "--rating", "stars", "--folds", "5").exit_code == 1


def test_who_measures_on_what_was_learnt_from_is_told(evaluate, data_folder):
    file = data_folder / "sentiment_vader_groundtruth" / "tweets_GroundTruth.txt"
    done = evaluate(file, "--columns", "id,rating,text", "--text", "text", "--rating", "rating", "--json")
    found = json.loads(done.stdout)
    assert "the shipped head learnt from this file" in done.stderr
    assert found["rows"] == 4200
    assert found["pearson"]["hearth"] > found["pearson"]["vader"]
