"""Single fields of an event: a field that cannot be read counts as not given."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from tasks.intake import payload


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2026-01-05T10:00:00.000Z", "2026-01-05T10:00:00+00:00"),
        ("2026-01-05T10:00:00-05:00", "2026-01-05T15:00:00+00:00"),
        ("2026-01-05 10:00:00", "2026-01-05T15:00:00+00:00"),
        (1767607200, "2026-01-05T10:00:00+00:00"),
        (1767607200000, "2026-01-05T10:00:00+00:00"),
        ("someday", None),
        (float("nan"), None),
        (True, None),
        ({}, None),
    ],
)
def test_times_with_and_without_zone(cell: object, moment: str | None) -> None:
    found = payload.moment({"at": cell}, "at", zone=ZoneInfo("America/New_York"))
    assert (found and found.isoformat()) == moment


def test_what_is_no_number_of_seconds_is_no_time() -> None:
    for cell in (float("inf"), 10**400, -(10**400), 1e15):
        assert payload.moment({"at": cell}, "at") is None
