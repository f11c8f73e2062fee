"""How well emotions are told: mappings of labels, rows of several labels, and how far confidence can be trusted."""

import numpy as np
import pytest

from ml.errors import LabelsError
from ml.language.emotion.evaluation import evaluate, evaluate_fitted, figures, sure_from
from ml.language.emotion.labels import read_label_map, ten_states
from ml.language.patterns import read_data_file

NAMES = ("angry", "excited")


def test_a_prediction_is_right_when_it_is_among_the_labels():
    read = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    targets = np.array([[1, 1], [0, 1], [0, 1], [1, 0]], dtype=bool)
    found = figures(read, targets, NAMES, np.array([0.5, 0.1]))
    assert found.accuracy == 0.75
    assert found.at_half_coverage.accuracy == 0.5
    assert found.at_quarter_coverage.accuracy == 1
    assert found.majority == 0.75
    # every label from its threshold on is told
    assert found.per_label["angry"].recall == 1
    assert found.per_label["excited"].recall == 1
    assert found.per_label["excited"].precision == 0.75
    assert found.single_label.rows == 3
    assert found.single_label.accuracy == pytest.approx(2 / 3)
    assert found.confusion == {"angry": {"angry": 1, "excited": 0}, "excited": {"angry": 1, "excited": 1}}


def test_rows_of_one_label_get_the_likeliest():
    read = np.array([[0.9, 0.1], [0.45, 0.55]])
    found = figures(read, np.eye(2, dtype=bool), NAMES, np.array([0.99, 0.99]))
    assert (found.accuracy, found.macro_f1, found.single_label) == (1, 1, None)
    assert found.ece == pytest.approx((0.1 + 0.45) / 2)


def test_coverage_needs_more_than_a_handful_of_rows():
    read = np.column_stack([np.linspace(0.99, 0.6, 100), np.linspace(0.01, 0.4, 100)])
    targets = np.zeros((100, 2), dtype=bool)
    targets[:60, 0], targets[60:, 1] = True, True
    assert figures(read, targets, NAMES, None).coverage_at_90 == 0.66
    assert 0.7 < sure_from(read, targets) < 0.99
    assert sure_from(read[:20], targets[:20]) == 1


def test_labels_that_stand_for_the_same_states_are_one_class():
    mapped = read_label_map(
        '[labels]\njoy = ["excited", "confident"]\nLove = ["confident", "excited"]\nfear = "anxious"'
    )
    assert mapped.names == ("joy/love", "anxious")
    assert mapped.classes_of("Love, fear", 1) == {"joy/love", "anxious"}


def test_numbers_stand_for_labels_and_an_empty_list_leaves_rows_out():
    mapped = read_label_map(
        'numbers = ["joy", "other", "fear"]\n[labels]\njoy = "excited"\nfear = "anxious"\nother = []'
    )
    assert mapped.classes_of("0,2", 1) == {"excited", "anxious"}
    assert mapped.classes_of("0,1", 1) == frozenset()
    found = evaluate(["We love it!", "hm", "I'm scared of the loan"], ["0", "1", "2"], mapped)
    assert (found.rows, found.left_out, found.accuracy) == (2, 1, 1)


def test_goemotions_maps_to_nine_states():
    mapped = read_label_map(read_data_file("ml.language.emotion", "goemotions.toml"))
    assert set(ten_states().names) - set(mapped.names) == {"overwhelmed"}
    assert len(mapped.numbers) == 28
    assert set(mapped.numbers) == set(mapped.classes)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[labels", "no TOML"),
        ("labels = 3", "no table"),
        ("[labels]\njoy = 'glad'", "'joy' is no state: glad"),
        ("[labels]\njoy = ['excited', 'confident']\nlove = 'excited'", "'excited' stands for two labels"),
        ("[labels]\njoy = 'excited'", "fewer than two classes"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(text, told):
    with pytest.raises(LabelsError, match=told):
        read_label_map(text)


@pytest.mark.parametrize(("cells", "told"), [(["angry", "glad"], "row 2"), (["", "angry"], "row 1")])
def test_an_unknown_label_names_its_row(cells, told):
    with pytest.raises(LabelsError, match=told):
        evaluate(["a", "b"], cells)


def test_no_rows_are_refused():
    with pytest.raises(LabelsError, match="no row"):
        evaluate([], [])


def test_a_head_of_other_labels_is_fitted_and_judged():
    rows = [
        (f"so {word} today {number}", label)
        for number in range(15)
        for word, label in (("glad", "up"), ("low", "down"))
    ]
    found = evaluate_fitted(["glad day", "low day", "odd"], ["up", "down", "new"], *zip(*rows, strict=True))
    assert found.per_label["new"].recall == 0
    assert found.accuracy == pytest.approx(2 / 3)
