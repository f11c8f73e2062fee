from __future__ import annotations

import pytest

from ml.leads import Training, train
from ml.profiles import FeatureMatrix
from tests.unit.ml.support import closed


@pytest.fixture(scope="session")
def brokerage() -> tuple[FeatureMatrix, list[bool]]:
    return closed(600)


@pytest.fixture(scope="session")
def training(brokerage: tuple[FeatureMatrix, list[bool]]) -> Training:
    matrix, labels = brokerage
    return train(matrix, labels, seed=0)
