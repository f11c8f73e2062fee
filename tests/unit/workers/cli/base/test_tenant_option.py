"""The base of every command: what a command line that is refused leaves behind."""

import click
from click.testing import CliRunner

from workers.cli.base import formatting
from workers.cli.base.command import Command, tenant_option


def test_a_refused_command_line_leaves_the_zone_of_times_as_it_was():
    @click.command(cls=Command)
    @tenant_option
    @click.option("--count", type=int)
    def counting(tenant, count):
        click.echo(f"{tenant} {count}")

    before = formatting._CLOCK.get()
    assert CliRunner().invoke(counting, ["--tenant", "acme", "--count", "many"]).exit_code == 2
    assert formatting._CLOCK.get() is before
    assert CliRunner().invoke(counting, ["--tenant", "acme", "--count", "3"]).output == "acme 3\n"
    assert formatting._CLOCK.get() is before
