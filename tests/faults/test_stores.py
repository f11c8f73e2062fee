"""A broker, a database, a relay and a disk that go away: what the database accepted is there, once."""

import pytest

from tests.support.faults.struck import kept

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def test_a_broker_whose_data_are_wiped(struck):
    """F6"""
    kept("F6", struck)


def test_a_database_that_stops(struck):
    """F8"""
    assert kept("F8", struck).broker.lost == 0


def test_a_relay_killed_after_publishing_two_relays_and_two_beats(struck):
    """F9"""
    kept("F9", struck)


def test_children_of_a_fan_in_lost_and_slow(struck):
    """F13"""
    kept("F13", struck)


def test_a_full_disk_and_half_open_connections(struck):
    """F15"""
    kept("F15", struck)
