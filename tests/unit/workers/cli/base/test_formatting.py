"""Numbers and times are written as people read them, in one zone at a time."""

import doctest
import sys
from datetime import UTC, datetime, timedelta

import click
import pytest
from click.testing import CliRunner

from workers.cli.base import formatting, output
from workers.cli.base.command import Command, tenant_option
from workers.cli.base.formatting import local, moment, number, there
from workers.cli.base.output import facts, table

NOW = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize("module", [formatting, output])
def test_examples(module):
    tried = doctest.testmod(module)
    assert (tried.failed, tried.attempted > 0) == (0, True)


@pytest.mark.parametrize(
    ("ahead", "told"),
    [(-24, "yesterday 18:30"), (0, "today 18:30"), (5, "today 23:30"), (6, "tomorrow 00:30"), (60, "2026-12-03 06:30")],
)
def test_days_near_today_are_named_by_the_readers_calendar(ahead, told):
    with local("America/New_York", NOW):
        assert moment(NOW + timedelta(hours=ahead)) == f"{told} New York time"


def test_a_zone_within_a_zone_ends_with_its_block_and_an_unknown_one_changes_nothing():
    with local("Europe/Berlin", NOW):
        with there("America/Chicago"):
            assert moment(NOW).endswith("17:30 Chicago time")
        with there(None):
            assert moment(NOW).endswith("00:30 Berlin time")
        with there("Mars/Olympus"):
            assert moment(NOW).endswith("23:30 UTC")
    assert moment(NOW - timedelta(days=900)) == "2024-06-13 23:30 UTC"


def test_the_zone_is_looked_up_once_and_only_when_a_time_is_told():
    asked = []

    def zone():
        asked.append(1)
        return "Europe/Berlin"

    with local(zone, NOW):
        assert asked == []
        assert {moment(NOW), moment(NOW)} == {"today 00:30 Berlin time"}
    assert asked == [1]


def test_no_cell_has_fifteen_digits_or_microseconds(capsys):
    facts("figures", {"share": 0.4770161874015424, "price": 15250.0, "at": "2020-11-30T14:01:15.985610Z", "sure": True})
    table("rows", ("at", "value"), [(datetime(2020, 1, 2, 3, 4, 5, 678, tzinfo=UTC), -1.6224785119033591)])
    told = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert told[1:5] == [["share", "0.477"], ["price", "15,250"], ["at", "2020-11-30 14:01 UTC"], ["sure", "yes"]]
    assert told[-1] == ["2020-01-02", "03:04 UTC  -1.62"]


@pytest.mark.parametrize("value", [0.0, -0.0004, 99.994, 1e15, -1e300, 123456.789])
def test_every_finite_number_is_short(value):
    assert len(number(value)) <= 9
    assert float(number(value).replace(",", "")) == pytest.approx(value, abs=0.006, rel=0.01)


def test_a_command_of_a_tenant_without_a_database_tells_utc_and_makes_none(monkeypatch, tmp_path):
    monkeypatch.setenv("HEARTH_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/none/hearth.db")
    from workers.base.settings import settings

    settings.cache_clear()

    @click.command(cls=Command)
    @tenant_option
    def told(tenant):
        click.echo(f"{tenant} {moment('2020-11-30T14:01:15Z')}")

    try:
        assert CliRunner().invoke(told, ["--tenant", "acme"]).output == "acme 2020-11-30 14:01 UTC\n"
    finally:
        settings.cache_clear()
    assert not (tmp_path / "none").exists()


def test_a_long_value_goes_on_below_itself_on_a_narrow_terminal_and_is_one_line_elsewhere(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    pairs = {"for it": "25 listing views; 11 searches; timeline: 0-3", "id": "x" * 50}
    facts("score", pairs)
    assert capsys.readouterr().out.splitlines()[1] == "  for it  25 listing views; 11 searches; timeline: 0-3"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    facts("score", pairs)
    told = capsys.readouterr().out.splitlines()
    assert told[1:3] == ["  for it  25 listing views; 11 searches;", "          timeline: 0-3"]
    assert told[3] == f"  id      {'x' * 50}", "an id stays whole, for people to copy"
