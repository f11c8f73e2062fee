"""What every test of several parts leaves as it was."""

import gc
import warnings
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from workers.app import app
from workers.cluster.embedded import join

ALONE = app.conf.broker_url


@pytest.fixture(scope="module", autouse=True)
def _alone() -> Iterator[None]:
    """Who joined a cluster leaves it: it may run on, and what later tests send is not for its workers."""
    yield
    if app.conf.broker_url != ALONE:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Celery drops its connections as they are
            gc.collect()
            join(SecretStr(ALONE))
            gc.collect()
