"""`hearth demo`, `up` and `migrate`: the embedded cluster and its database."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import click

from migrations import commands as migrations
from workers import cluster as clusters
from workers.cli.command import Command, CommandFailed, example
from workers.cli.demo import show_demo, where_to_look
from workers.cli.output import notice
from workers.settings import Settings, settings

SAMPLE = Path(__file__).parents[2] / "examples" / "leads.csv"
#: seconds until every worker must have answered
READY = 60.0


@click.command(cls=Command, epilog=example("hearth demo", "hearth demo --keep"))
@click.option("--keep", is_flag=True, help="Stay up when done, until Ctrl-C.")
def demo(keep: bool) -> None:
    """Simulated leads in, a ranked worklist out; leaves no process.

    Runs a cluster of its own on embedded defaults in the folder `demo` of Hearth's home, which is emptied first: your
    tenants, REDIS_URL and DATABASE_URL are not touched, and the same leads come out every time.
    """
    started = time.monotonic()
    chosen = demo_settings(settings())
    with clusters.start(chosen) as cluster:
        pass
    del started, cluster, keep
