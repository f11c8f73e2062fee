"""The demo's sample is moved to now as a whole, and the file in git stays as it is."""

import csv
import doctest
import re
from datetime import UTC, datetime, timedelta

import pytest

from examples import generate
from workers.cli.cluster import demo, sample

NOW = datetime(2025, 3, 1, 17, 45, 12, 987654, tzinfo=UTC)
#: whatever begins as a day does, also where it is no whole time
DAY = re.compile(r"\d{4}-\d\d-\d\d")


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


@pytest.fixture(scope="module")
def copied():
    written = sample.SAMPLE.read_bytes()
    with sample.moved_to(NOW) as copy:
        name, rows = copy.name, rows_of(copy)
    assert not copy.exists()
    assert not copy.parent.exists()
    assert sample.SAMPLE.read_bytes() == written
    assert name == sample.SAMPLE.name
    return rows


def test_its_today_is_now_to_the_second(copied):
    assert max(row["as_of"] for row in copied) == "2025-03-01T17:45:12Z"


def test_every_time_is_moved_by_one_span_and_nothing_else_changes(copied):
    kept = rows_of(sample.SAMPLE)
    span = NOW.replace(microsecond=0) - generate.NOW
    assert len(copied) == len(kept)
    for before, after in zip(kept, copied, strict=True):
        assert list(after) == list(before)
        for column, cell in before.items():
            if DAY.match(cell):
                assert datetime.fromisoformat(after[column]) - datetime.fromisoformat(cell) == span, column
            else:
                assert after[column] == cell


def test_moved_back_it_is_the_sample_byte_for_byte():
    with sample.moved_to(generate.NOW) as copy:
        assert copy.read_bytes() == sample.SAMPLE.read_bytes()


@pytest.mark.parametrize("now", [NOW, datetime(2027, 6, 1, 3, tzinfo=UTC)])
def test_messages_are_moved_by_whole_days_and_never_later_than_their_lead(now):
    with sample.messages_moved_to(now) as copy, sample.moved_to(now) as leads_copy:
        assert copy.name == sample.MESSAGES.name
        told, leads = rows_of(copy), {row["external_id"]: row for row in rows_of(leads_copy)}
    assert not copy.parent.exists()
    spans = set()
    for before, after in zip(rows_of(sample.MESSAGES), told, strict=True):
        moved = datetime.fromisoformat(after["occurred_at"])
        spans.add(moved - datetime.fromisoformat(before["occurred_at"]))
        assert before | {"occurred_at": after["occurred_at"]} == after
        if after["direction"] == "inbound":
            lead = leads[after["external_id"]]
            assert lead["created_at"] < after["occurred_at"] <= lead["last_replied_at"]
    (span,) = spans
    assert span % timedelta(days=1) == timedelta(0)
    assert timedelta(0) <= (now - generate.NOW) - span < timedelta(days=1, seconds=1)


def test_moved_to_their_own_day_the_messages_are_the_sample_byte_for_byte():
    with sample.messages_moved_to(generate.NOW) as copy:
        assert copy.read_bytes() == sample.MESSAGES.read_bytes()


def test_no_lead_was_contacted_before_it_came_nor_later_than_now(copied):
    told = ("last_contacted_at", "last_activity_at", "last_replied_at", "stage_changed_at")
    for row in copied:
        for column in filter(row.get, told):
            assert row["created_at"] <= row[column] <= row["as_of"], (row["external_id"], column)


def test_a_file_without_open_leads_has_no_today():
    with pytest.raises(ValueError):
        sample.today_of([])


def test_examples():
    assert doctest.testmod(sample).failed == doctest.testmod(demo).failed == 0


def test_a_time_with_a_zone_of_its_own_is_no_time_of_the_sample():
    row = {"at": "2026-11-19T23:30:00+02:00"}
    assert sample.moved([row], timedelta(days=1)) == [row]
