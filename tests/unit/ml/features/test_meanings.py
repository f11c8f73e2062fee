"""Features of one meaning: each of the catalogue has one, and their contributions are added in order."""

from __future__ import annotations

import numpy as np

from ml.features.catalogue import FEATURES
from ml.features.meanings import MEANINGS, meaning_of, meanings_of


def test_every_feature_of_the_catalogue_has_one_meaning() -> None:
    listed = [name for names in MEANINGS.values() for name in names]
    assert sorted(listed) == sorted(FEATURES)


def test_own_columns_that_read_alike_stay_apart() -> None:
    found = meanings_of(("custom:Pool wanted", "custom:Pool_wanted", "showings"))
    assert found.members == ((0,), (1,), (2,))
    assert found.words == ("Pool wanted", "Pool wanted", "showings and offers")


def test_a_column_named_as_a_meaning_is_no_part_of_it() -> None:
    assert meanings_of(("stage", "custom:stage", "stage_days")).members == ((0, 2), (1,))
    assert meaning_of("custom:stage") == "stage"


def test_sums_of_a_batch_are_those_of_each_lead_alone() -> None:
    names = tuple(FEATURES)
    contributions = np.random.default_rng(0).normal(size=(50, len(names)))
    found = meanings_of(names)
    together = found.sums(contributions)
    assert together.sum() == np.float64(together.sum())
    assert (together == np.vstack([found.sums(row[None]) for row in contributions])).all()
    assert np.allclose(together.sum(axis=1), contributions.sum(axis=1))
    assert found.sums(np.zeros((0, len(names)))).shape == (0, len(MEANINGS))
    assert meanings_of(()).sums(np.zeros((3, 0))).shape == (3, 0)
