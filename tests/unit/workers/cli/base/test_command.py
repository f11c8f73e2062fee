"""What goes wrong at the broker is told in one line, and a bug of ours is not hidden by it."""

import click
import pytest
from click.testing import CliRunner
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as BrokerGone
from redis.exceptions import NoPermissionError

from workers.cli.base.command import Command

AWAY = "Error: the broker does not answer; check REDIS_URL, or start a cluster with `hearth up`\n"
FORBIDDEN = "Error: the user of REDIS_URL may not do this: take the address of the broker's user `worker`\n"


def caused(error, cause):
    error.__cause__ = cause
    return error


def invoked(error):
    @click.command(cls=Command)
    def failing():
        raise error

    return CliRunner().invoke(failing)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OperationalError("refused"), AWAY),
        (BrokerGone("refused"), AWAY),
        (caused(RuntimeError("Retry limit exceeded while trying to reconnect"), BrokerGone("refused")), AWAY),
        (NoPermissionError("this user has no permissions"), FORBIDDEN),
        (caused(OperationalError("no permissions"), NoPermissionError("no permissions")), FORBIDDEN),
    ],
)
def test_the_broker_is_told_in_one_line(error, told):
    done = invoked(error)
    assert (done.exit_code, done.stderr) == (1, told)


def test_a_bug_shows_its_trace():
    bug = RuntimeError("a bug")
    assert invoked(bug).exception is bug
