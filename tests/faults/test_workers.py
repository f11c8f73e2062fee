"""Workers killed, stopped, told to end and misled: what the database accepted is there, once."""

import pytest

from tests.support.faults.struck import kept

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def test_killed_workers(struck):
    """F1: on the stock transport a message may go that a worker had just taken; what the database took may not."""
    kept("F1", struck, patience=12.0)  # what the stock transport lost never ends


def test_stopped_and_killed_workers(struck):
    """F2"""
    kept("F2", struck, patience=12.0)


def test_children_killed_around_the_commit(struck):
    """F3"""
    assert kept("F3", struck).broker.lost == 0


def test_tasks_that_fall(struck):
    """F4: each starts at most so often, has no effect, and ends failed or in quarantine."""
    tally = kept("F4", struck)
    assert tally.broker.lost == 0
    assert tally.broker.quarantined >= 2


def test_workers_told_to_end(struck):
    """F5"""
    assert kept("F5", struck).broker.lost == 0


def test_everything_ten_times(struck):
    """F10"""
    assert kept("F10", struck).broker.lost == 0


def test_outlived_leases_and_wrong_clocks(struck):
    """F11"""
    assert kept("F11", struck).broker.lost == 0


def test_a_task_of_the_next_version(struck):
    """F12"""
    assert kept("F12", struck).broker.lost == 0


def test_an_import_killed_twice(struck):
    """F14"""
    kept("F14", struck)
