from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from ml.errors import LabelsError
from ml.training.tabular import read_columns, read_labels


def iso(_: Sequence[str]) -> Callable[[str], datetime]:
    return lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "cells, positive",
    [
        (["yes", "no"], "yes"),
        (["1", "0"], "1"),
        (["True", "False"], "True"),
        (["converted", "not converted"], "converted"),
        (["lost", "bought"], "bought"),
        ([" Y ", "N"], "Y"),
        (["1.0", "0.0"], "1.0"),
    ],
)
def test_labels_tell_themselves(cells: list[str], positive: str) -> None:
    found = read_labels([*cells, "", *cells], None)
    assert found.positive == positive
    assert found.labels.tolist() == [cell.strip() == positive for cell in cells] * 2
    assert list(found.rows) == [0, 1, 3, 4]


def test_a_named_positive_is_taken_against_the_rest() -> None:
    assert read_labels(["gold", "silver", "tin", "Gold"], "gold").labels.tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    "cells, positive, said",
    [
        (["a", "b"], None, "which is positive, 'a' or 'b'"),
        (["a", "b", "c"], None, "3 values"),
        (["yes", "yes"], None, "1 values"),
        ([""], None, "no values"),
        (["yes", "no"], "maybe", "no row has 'maybe'"),
    ],
)
def test_labels_that_tell_nothing_are_refused(cells: list[str], positive: str | None, said: str) -> None:
    with pytest.raises(LabelsError, match=said):
        read_labels(cells, positive)


def test_a_column_is_what_nearly_all_of_its_cells_are() -> None:
    rows = 100
    matrix = read_columns(
        {
            "price": ["$1,250"] * 97 + ["call us", "", "n/a"],
            "mostly text": ["a"] * 60 + ["7"] * 40,
            "prose": ["x" * 200] * rows,
            "blank": [" "] * rows,
        },
        iso,
    )
    assert matrix.to_rows()[0] == {
        "column:price": 1250.0, "column:mostly text": "a", "column:prose": None, "column:blank": None,
    }  # fmt: skip
    assert matrix.to_rows()[97]["column:price"] == "call us"
    assert matrix.to_rows()[99] == {name: None for name in matrix.columns if name != "column:mostly text"} | {
        "column:mostly text": "7"
    }


def test_dates_become_numbers_and_the_days_between_them() -> None:
    matrix = read_columns(
        {
            "came": ["2024-02-29", "2024-03-01", ""],
            "seen": ["2024-03-02T12:00", "2024-03-01T00:00", "2024-03-03T06:30"],
        },
        iso,
    )
    first = matrix.to_rows()[0]
    assert (datetime(2000, 1, 1, tzinfo=UTC).weekday(), first["column:came weekday"]) == (5, 3.0)
    assert first["column:came month"] == 2.0
    assert first["column:seen hour"] == 12.0
    assert first["column:seen minus came"] == 2.5
    assert "column:came hour" not in matrix.columns
    assert matrix.to_rows()[2]["column:came"] is None
    assert np.isnan(matrix.values[2, matrix.positions()["column:seen minus came"]])


def test_no_columns_no_features() -> None:
    assert read_columns({}, iso).columns == ()
