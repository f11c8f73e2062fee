"""The loop of a process of its own: it waits out what passes, and ends after the step in hand."""

import threading

import pytest

from db.errors import DatabaseUnavailable
from workers.delivery import poll_loop
from workers.delivery.poll_loop import Service


def test_it_steps_at_once_while_there_is_more():
    one, steps = Service("x", idle=30.0), iter([True, True, False])

    def step():
        more = next(steps)
        if not more:
            one.stop()
        return more

    one.run(step)
    assert not list(steps)


def test_passing_trouble_is_waited_out(monkeypatch):
    monkeypatch.setattr(poll_loop, "BACKOFF", 0.001)
    one, troubles = Service("x"), iter([DatabaseUnavailable("away"), OSError("gone"), ConnectionError("gone")])

    def step():
        for trouble in troubles:
            raise trouble
        one.stop()
        return False

    one.run(step)
    assert not list(troubles)


def test_a_fault_of_ours_ends_it():
    with pytest.raises(KeyError):
        Service("x").run(lambda: {}["a"])


def test_a_stop_ends_its_sleep():
    one = Service("x", idle=30.0)
    thread = threading.Thread(target=one.run, args=(lambda: False,))
    thread.start()
    one.stop()
    thread.join(5)
    assert not thread.is_alive()
