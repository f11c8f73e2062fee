"""`hearth events`: how a moment is written."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from workers.cli.events import moment


def test_a_moment_is_a_date_or_so_long_ago():
    assert moment("2026-03-01") == datetime(2026, 3, 1, tzinfo=UTC)
    assert moment("2026-03-01T08:00+02:00") == datetime(2026, 3, 1, 6, tzinfo=UTC)
    before = datetime.now(UTC)
    assert before - timedelta(days=7) <= moment("7d") <= datetime.now(UTC) - timedelta(days=7)
    assert moment("12h") > moment("1d")


@pytest.mark.parametrize("text", ["soon", "", "7", "7 days", "-1d"])
def test_anything_else_is_refused(text):
    with pytest.raises(click.BadParameter, match="2026-03-01"):
        moment(text)
