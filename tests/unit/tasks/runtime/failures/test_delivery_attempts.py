"""Which deliveries are counted, as a table; how they are counted together: tests/integration/tasks/test_starts.py."""

import doctest

import pytest

from tasks.runtime.failures import delivery_attempts
from tasks.runtime.failures.delivery_attempts import AGAIN, ENDED

GIVEN_BACK = {"delivery_info": {"redelivered": True}}


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        ({}, 0),
        ({"retries": 0, "delivery_info": {"redelivered": False}}, 0),
        # a process died: the first delivery is counted with the second
        ({"retries": 1}, 2),
        ({"retries": 2}, 1),
        # a worker died, or was silent
        (GIVEN_BACK, 1),
        ({"retries": 1, **GIVEN_BACK}, 1),
        # the relay published the row before
        ({AGAIN: True}, 1),
        ({AGAIN: True, "retries": 1}, 1),
        ({AGAIN: None}, 0),
        # it sent itself again, for trouble or a lease; then a process died
        ({"retries": 3, ENDED: 3}, 0),
        ({"retries": 4, ENDED: 3}, 2),
        ({"retries": 5, ENDED: 3}, 1),
        ({AGAIN: True, "retries": 0, ENDED: 0}, 0),
        ({"retries": 3, ENDED: 3, **GIVEN_BACK}, 1),
        # anybody may write a message
        ({"retries": None, ENDED: "x", AGAIN: "x", "delivery_info": None}, 0),
    ],
)
def test_what_may_follow_a_death_is_counted(told, counted):
    assert delivery_attempts.unrecorded_attempts(told) == counted


def test_examples():
    tried = doctest.testmod(delivery_attempts)
    assert (tried.failed, tried.attempted > 0) == (0, True)
