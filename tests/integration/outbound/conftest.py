"""Receivers, tenants that want to be told, and deliverers."""

import pytest

from tests.support.receiver import Receiver
from workers.app import app
from workers.delivery.outbound import Deliverer, DeliveryLimits


@pytest.fixture
def receivers():
    made = []

    def make():
        made.append(Receiver())
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def receiver(receivers):
    return receivers()


@pytest.fixture
def deliverer():
    """Builds deliverers with short waits that are closed at the end."""
    made = []

    def make(celery=app, **limits):
        quick = {"backoff": 0.01, "backoff_limit": 0.02, "open_for": 0.2, "loopback": True, **limits}
        made.append(Deliverer(celery, DeliveryLimits(**quick)))
        return made[-1]

    yield make
    for one in made:
        one.close()
