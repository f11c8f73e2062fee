"""When a worker is taken for stopped, and when it is not."""

import pytest

from workers.cluster.watchdog import Observation, Patience

PATIENCE = Patience(look=10, idle=60, silent=180)
IDLE = {"pid": 7, "queues": ["batch"], "active": 0, "started": 5, "pauses": False}


def looked(*answers, waits=True):
    """What is found at looks ten seconds apart."""
    record, found = Observation(PATIENCE), []
    for at, told in enumerate(answers):
        record.record_answer(told)
        found.append(record.stopped(told, waits=waits, now=10.0 * at))
    return found


def test_who_takes_nothing_for_too_long_has_stopped():
    assert looked(*[IDLE] * 8) == [None] * 7 + [("idle", 70.0)]


@pytest.mark.parametrize(
    "life",
    [
        {"active": 1},
        {"pauses": True},
        {"started": 6},
        {"pid": 8},
    ],
    ids=lambda life: next(iter(life)),
)
def test_every_sign_of_life_counts(life):
    assert looked(*[IDLE] * 4, IDLE | life, *[IDLE] * 5) == [None] * 10


def test_who_is_busy_all_the_time_is_never_restarted():
    assert set(looked(*[IDLE | {"active": 1}] * 200)) == {None}


def test_before_whom_nothing_waits_has_nothing_to_take():
    assert set(looked(*[IDLE] * 100, waits=False)) == {None}


def test_who_does_not_answer_is_given_longer():
    assert looked(IDLE, *[None] * 20) == [None] * 20 + [("silent", 190.0)]


def test_who_answers_now_and_then_is_not_silent():
    assert set(looked(*[IDLE | {"active": 1}, None, None, None] * 30)) == {None}


def test_who_never_answered_is_not_judged():
    assert set(looked(*[None] * 100)) == {None}
