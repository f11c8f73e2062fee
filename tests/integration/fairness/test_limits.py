"""What waits aside counts: for the status that is told, and for the limit over which a tenant is refused."""

import gc
import time
import warnings

import pytest
from pydantic import SecretStr

from db.session import EVERY_TENANT, reading
from tasks.errors import Overloaded
from tasks.runtime import admission_control
from tasks.system import status
from tests.support.messages import message
from workers.app import app
from workers.cluster.embedded import join
from workers.worker.fair_queue import CLOSE, FairQueue

QUEUE = "inference"


@pytest.fixture
def flooded(broker, broker_url):
    """The project's app on a broker where one tenant's hundred messages wait, most of them aside."""
    before = app.conf.broker_url
    join(SecretStr(broker_url))
    broker.lpush(QUEUE, *(message("loud", number) for number in range(100)))
    time.sleep(1.5 * CLOSE)
    FairQueue(broker, [QUEUE]).step()
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Celery drops its connections as they are
        join(SecretStr(before))
        gc.collect()


@pytest.mark.usefixtures("flooded", "database")
def test_what_is_aside_is_in_the_status():
    assert status()["data"]["queues"][QUEUE]["depth"] == 100


@pytest.mark.usefixtures("flooded", "database")
def test_who_has_too_much_waiting_is_refused_and_others_are_not(monkeypatch):
    monkeypatch.setattr(admission_control, "MESSAGES", 50)
    with reading(EVERY_TENANT) as session:
        admission_control.admit_assessment(session, "quiet")
        admission_control.admit_import(session, "loud")
        with pytest.raises(Overloaded):
            admission_control.admit_assessment(session, "loud")
