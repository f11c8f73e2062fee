"""Messages set aside count: for the status, and for the limit over which a tenant is refused.

The limit is read from the broker. While that is away nothing is accepted, whatever the result backend says.
"""

import gc
import json
import socket
import time
import warnings

import pytest
from celery.exceptions import Reject, Retry
from pydantic import SecretStr
from structlog.testing import capture_logs

from db.session import EVERY_TENANT, reading
from tasks.errors import Overloaded, Unavailable
from tasks.pipelines import assess
from tasks.runtime.broker import admission_control, queue_depth
from tasks.system import status
from tasks.tenants import configure
from tests.support.broker import running
from tests.support.messages import message
from workers.app import app
from workers.cluster.embedded import join
from workers.worker.fair_queue import CLOSE, FairQueue

QUEUE = "inference"


def joined(url, results):
    """The project's app with its broker at one URL and its results at another, until it is left."""
    before = app.conf.broker_url
    join(SecretStr(url))
    app.conf.result_backend = results
    app._backend = app._get_backend()
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Celery drops its connections as they are
        join(SecretStr(before))
        gc.collect()


@pytest.fixture
def flood(broker):
    """A queue where one tenant's hundred messages wait, most of them aside."""
    broker.lpush(QUEUE, *(message("loud", number) for number in range(100)))
    time.sleep(1.5 * CLOSE)
    FairQueue(broker, [QUEUE]).step()


@pytest.fixture
def flooded(flood, broker_url):
    yield from joined(broker_url, broker_url)


@pytest.fixture(scope="module")
def other_url(tmp_path_factory):
    """A second broker, which holds nothing."""
    with running(tmp_path_factory.mktemp("other")) as url:
        yield url


@pytest.fixture
def results_elsewhere(flood, broker_url, other_url):
    """Messages wait in the broker, and results go to another one."""
    yield from joined(broker_url, other_url)


@pytest.fixture
def broker_away(broker_url):
    """Nobody listens at the broker's address, and the result backend is up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
    yield from joined(url, broker_url)


def deliver():
    """Run an assessment as a worker does."""
    kwargs = {"tenant_id": "acme", "lead_ids": ["L1"]}
    delivery = {"id": "task-1", "delivery_info": {"exchange": "", "routing_key": QUEUE}}
    assess.push_request(delivery, kwargs=kwargs, args=(), called_directly=False)
    try:
        return assess.answer((), kwargs)
    finally:
        assess.pop_request()


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


@pytest.mark.usefixtures("results_elsewhere", "database")
def test_the_limit_is_read_from_the_broker_and_not_from_the_result_backend(monkeypatch):
    monkeypatch.setattr(admission_control, "MESSAGES", 50)
    with reading(EVERY_TENANT) as session, pytest.raises(Overloaded):
        admission_control.admit_assessment(session, "loud")


@pytest.mark.usefixtures("broker_away", "database")
def test_while_the_broker_is_away_nothing_is_accepted_and_the_log_says_so():
    configure(tenant_id="acme")
    with capture_logs() as logs, pytest.raises(Unavailable, match="how much is waiting"):
        assess(tenant_id="acme", lead_ids=["L1"])
    assert {"event": "queue_depth_unknown", "log_level": "error", "queue": QUEUE}.items() <= logs[0].items()
    with pytest.raises(Reject) as back:
        deliver()
    assert back.value.requeue


@pytest.mark.usefixtures("flooded", "database")
def test_a_depth_that_cannot_be_read_is_tried_again_until_the_policy_is_exhausted(broker):
    configure(tenant_id="acme")
    broker.delete(queue_depth.set_aside_key(QUEUE))
    broker.set(queue_depth.set_aside_key(QUEUE), "no sorted set")
    with pytest.raises(Retry):
        deliver()
    again = json.loads(broker.lindex(QUEUE, 0))["headers"]
    assert (again["id"], again["hearth_retry"]["trouble"], again["hearth_retry"]["tries"]) == ("task-1", "broker", 1)
