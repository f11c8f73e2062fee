"""How long trouble is waited out, by what a message tells of it."""

import doctest
from datetime import UTC, datetime, timedelta

import pytest

from db.errors import DatabaseBusy, DatabaseUnavailable, KeyConflict, ReferenceGone, SchemaOutdated
from tasks.runtime.failures import error_mapping, retry_policy
from tasks.runtime.failures.retry_policy import (
    BACKOFF_LIMIT,
    DATABASE_AWAY,
    DISK_FULL,
    REFERENCE_GONE,
    ROWS_BUSY,
    SCHEMA_OUTDATED,
    RetryState,
    next_state,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_examples():
    tried = doctest.testmod(retry_policy)
    assert (tried.failed, tried.attempted > 0) == (0, True)


def test_pauses_grow_to_a_minute_and_stay_there():
    most = [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    for tries, limit in enumerate(most, start=1):
        for _ in range(20):
            assert limit / 2 <= RetryState(trouble="x", since=0.0, tries=tries).delay() <= limit
    assert RetryState(trouble="x", since=0.0, tries=2**31).delay() <= BACKOFF_LIMIT


@pytest.mark.parametrize(
    "told",
    [
        None,
        "x",
        [],
        {},
        {"trouble": "database"},
        {"trouble": "database", "since": "x", "tries": None},
        {"trouble": "database", "since": float("nan"), "tries": -1},
        {"trouble": "database", "since": -1, "tries": 2**40},
        # a clock that is ahead keeps nothing alive for ever
        {"trouble": "database", "since": NOW.timestamp() + 1e9, "tries": 0},
        {"trouble": "disk", "since": 1.0, "tries": 9},
    ],
)
def test_a_mark_that_is_none_begins_anew(told):
    assert next_state(told, DATABASE_AWAY, NOW) == RetryState(trouble="database", since=NOW.timestamp(), tries=1)


def test_a_message_waits_for_as_long_as_its_trouble_may_last():
    for trouble, hours in ((DATABASE_AWAY, 24), (DISK_FULL, 24), (ROWS_BUSY, 1)):
        first = next_state(None, trouble, NOW)
        assert not first.is_exhausted(trouble, NOW + timedelta(hours=hours, seconds=-1))
        assert first.is_exhausted(trouble, NOW + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (DatabaseUnavailable(), DATABASE_AWAY),
        (DatabaseBusy(), ROWS_BUSY),
        (ReferenceGone(), REFERENCE_GONE),
        (SchemaOutdated(), SCHEMA_OUTDATED),
        (OSError(28, "no space"), DISK_FULL),
        (OSError(13, "not allowed"), None),
        (KeyConflict(), None),
        (ArithmeticError(), None),
    ],
)
def test_what_passes_is_told_from_what_does_not(error, trouble):
    assert error_mapping.policy_for(error) is trouble
