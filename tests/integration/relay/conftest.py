"""A real broker and an app of its own for the relay's tests."""

import pytest

from tests.support.broker import app_of, running


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory):
    with running(tmp_path_factory.mktemp("broker")) as url:
        yield url


@pytest.fixture
def celery(broker_url):
    """Celery's settings of the project, on an emptied broker of this test."""
    with app_of(broker_url) as app:
        yield app
