"""The quick seeded form of each fault of docs/reliability.md, on PostgreSQL and a broker with AOF.

They share a cluster; the long form is `python -m benchmarks.faults`.
"""

import pytest

from benchmarks.faults.suite import FAULTS, place, run

SEED = 7
QUICK = {"rate": 40, "seconds": 0.6, "patience": 40.0, "whole": False, "rows": 3_000}


@pytest.fixture(scope="module")
def site():
    """One cluster for all, with leases and time-outs of two seconds, on a small disk, behind proxies."""
    with place() as site:
        yield site


def kept(name, site, **more):
    """Let a fault strike once; what the database accepted must be there once."""
    tally = run(FAULTS[name], site, rounds=1, seed=SEED, options=QUICK | more)
    told = tally.shown()
    assert tally.broken == [], told
    assert tally.database.lost == 0, told
    assert told["duplicate_effects"] == 0, told
    assert tally.broken_chains == 0, told
    assert tally.kills > 0
    assert told["accepted"] > 0
    return tally


def test_killed_workers(site):
    """F1: on the stock transport a message may go that a worker had just taken; what the database took may not."""
    kept("F1", site, patience=12.0)  # what the stock transport lost never ends


def test_stopped_and_killed_workers(site):
    """F2"""
    kept("F2", site, patience=12.0)


def test_children_killed_around_the_commit(site):
    """F3"""
    assert kept("F3", site).broker.lost == 0


def test_tasks_that_fall(site):
    """F4: each starts at most so often, has no effect, and ends failed or in quarantine."""
    tally = kept("F4", site)
    assert tally.broker.lost == 0
    assert tally.broker.quarantined >= 2


def test_workers_told_to_end(site):
    """F5"""
    assert kept("F5", site).broker.lost == 0


def test_a_broker_whose_data_are_wiped(site):
    """F6"""
    kept("F6", site)


def test_a_database_that_stops(site):
    """F8"""
    assert kept("F8", site).broker.lost == 0


def test_a_relay_killed_after_publishing_two_relays_and_two_beats(site):
    """F9"""
    kept("F9", site)


def test_everything_ten_times(site):
    """F10"""
    assert kept("F10", site).broker.lost == 0


def test_a_task_of_the_next_version(site):
    """F12"""
    assert kept("F12", site).broker.lost == 0


def test_an_import_killed_twice(site):
    """F14"""
    kept("F14", site)


def test_outlived_leases_and_wrong_clocks(site):
    """F11"""
    assert kept("F11", site).broker.lost == 0


def test_children_of_a_fan_in_lost_and_slow(site):
    """F13"""
    kept("F13", site)


def test_a_full_disk_and_half_open_connections(site):
    """F15"""
    kept("F15", site)
