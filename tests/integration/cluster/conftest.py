"""Homes and clusters of these tests."""

import pytest

from tests.integration.cluster import toys
from workers.base.settings import Settings
from workers.cluster.embedded import start


def settings_of(home):
    return Settings(home=home, redis_url=None, database_url=f"sqlite:///{home}/hearth.db", keys=None)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """One cluster for all tests that leave it as it is."""
    with start(settings_of(tmp_path_factory.mktemp("shared")), tasks=toys.__name__, fold=True) as running:
        running.wait_ready()
        yield running
