"""A real broker and messages as foreign producers write them."""

import pytest
import redis

from tests.support.broker import running


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory):
    with running(tmp_path_factory.mktemp("broker")) as url:
        yield url


@pytest.fixture
def broker(broker_url):
    """A client of the emptied broker."""
    with redis.Redis.from_url(broker_url) as client:
        client.flushall()
        yield client
