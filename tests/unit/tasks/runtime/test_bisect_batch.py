"""One bad item fails alone, whatever it fails with; trouble that says nothing of the items is everybody's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from db.errors import DatabaseUnavailable
from tasks.runtime.bisect_batch import bisect


@pytest.mark.parametrize("bad", [{0}, {6}, {2, 3}, set(range(7))])
def test_the_others_are_done_once(bad: set[int]) -> None:
    done: list[int] = []
    failed: list[tuple[int, str]] = []

    def run(items: Sequence[int]) -> None:
        if bad & set(items):
            raise ValueError
        done.extend(items)

    bisect(range(7), run, lambda item, error: failed.append((item, error)))
    assert done == [item for item in range(7) if item not in bad]
    assert failed == [(item, "ValueError") for item in sorted(bad)]


def test_a_database_that_is_away_is_no_items_fault() -> None:
    def run(items: Sequence[int]) -> None:
        raise DatabaseUnavailable("away")

    with pytest.raises(DatabaseUnavailable):
        bisect([1, 2], run, lambda item, error: pytest.fail("blamed an item"))
