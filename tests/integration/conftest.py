"""What every test of several parts leaves as it was."""

import gc
import warnings
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from tests.support.broker import running
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


@pytest.fixture(scope="module")
def live_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a broker that the project's app talks to until the module ends; tasks that accept work need one."""
    with running(tmp_path_factory.mktemp("broker")) as url:
        join(SecretStr(url))
        yield url
