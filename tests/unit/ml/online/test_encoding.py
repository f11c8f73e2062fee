"""At most 40 columns, of which the important ones stay."""

import pytest

from ml.online import encoding
from ml.online.encoding import FeatureEncoder
from tests.support.streams import leads, wide


def learnt(features, labels, **options):
    encoder = FeatureEncoder(**options)
    for row, label in zip(features, labels, strict=True):
        encoder.learn(row, label)
    return encoder


def test_of_many_columns_the_important_one_is_chosen():
    features, labels = wide(300, 88)
    encoder = learnt(features[:90], labels[:90])
    assert "f087" not in encoder.chosen_, "columns that come first are seen until importance is known"
    encoder = learnt(features, labels)
    assert len(encoder.encode(features[0])[0]) == encoding.MAX_COLUMNS == 40
    assert "f087" in encoder.chosen_


def test_identifiers_make_room():
    features, labels = leads(2000)
    for row, each in enumerate(features):
        each["id"] = f"lead {row}"
    encoder = learnt(features, labels)
    assert len(encoder.candidates_) <= encoding.MAX_CANDIDATES + 16
    assert {"views", "source=friend"} <= set(encoder.chosen_)
    numbers = [column.number for column in encoder.candidates_.values()]
    assert len(set(numbers)) == len(numbers)


def test_levels_that_come_late_share_columns_and_stay_bounded():
    encoder = FeatureEncoder()
    for row in range(99):
        encoder.learn({f"code{part}": str(row) for part in range(4)}, row % 2 == 0)
    assert len(encoder.candidates_) <= encoding.MAX_CANDIDATES + 16
    assert any(name.startswith("#") for name in encoder.candidates_)


def test_a_missing_number_is_the_mean_and_says_so():
    encoder = learnt([{"a": 1.0}, {"a": 3.0}, {"a": None}], [True, False, True])
    raw, scaled = encoder.encode({"a": None})
    numbers = {name: column.number for name, column in encoder.candidates_.items()}
    assert (raw[numbers["a"]], raw[numbers["a="]], scaled[numbers["a"]]) == (2.0, 1.0, 0.0)
    assert encoder.encode({"a": 2.0})[0][numbers["a="]] == 0.0
    assert encoder.encode({})[0][numbers["a"]] == 2.0


def test_scaled_values_are_bounded():
    encoder = learnt([{"a": float(row % 2)} for row in range(50)], [False] * 50)
    number = encoder.candidates_["a"].number
    assert encoder.encode({"a": 1e11})[1][number] == pytest.approx(4.0)
    assert encoder.encode({"a": 1.0})[1][number] == pytest.approx(1.0)
