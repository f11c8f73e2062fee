"""Homes and clusters of these tests."""

import pytest

from tests.support import toys
from tests.support.processes import settings_of
from workers.cluster.embedded import start


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """One cluster for all tests that leave it as it is."""
    with start(settings_of(tmp_path_factory.mktemp("shared")), tasks=toys.__name__, fold=True) as running:
        running.wait_ready()
        yield running
