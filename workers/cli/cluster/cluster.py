"""`hearth demo`, `up` and `migrate`: the embedded cluster and its database."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
from pydantic import SecretStr

from workers.app import app
from workers.base.settings import Settings, settings
from workers.cli.base.client import Client
from workers.cli.base.command import Command, CommandFailed, example
from workers.cli.base.database import database
from workers.cli.base.output import notice
from workers.cli.cluster.demo import TENANT, Walk
from workers.cluster.embedded import Cluster, connected, start
from workers.cluster.locks import Lock


@click.command(cls=Command, epilog=example("hearth demo", "hearth demo --keep"))
@click.option("--keep", is_flag=True, help="Stay up when done, until Ctrl-C.")
def demo(keep: bool) -> None:
    """Simulated leads in, a ranked worklist out; leaves no process.

    Runs a cluster of its own on embedded defaults in the folder `demo` of Hearth's home, which is emptied first: your
    tenants, REDIS_URL and DATABASE_URL are not touched, and every run starts from nothing.
    """
    walk = Walk(started=time.monotonic())
    with _alone(settings()) as chosen, _running(chosen) as cluster, connected(chosen, notice), database(chosen):
        walk.through(Client(app, TENANT, home=chosen.home))
        walk.where_to_look(cluster, chosen, keep=keep)
        if keep:
            cluster.wait()
    notice(f"the demo's cluster has stopped; it took {time.monotonic() - walk.started:.0f} s in all")


@contextmanager
def _alone(usual: Settings) -> Iterator[Settings]:
    """Yield settings of the demo's own home, emptied and locked; raise CommandFailed while another demo runs there."""
    home, lock = usual.home / "demo", Lock(usual.home / "demo.lock")
    if not lock.acquire():
        raise CommandFailed(f"a demo is running in {home} already; stop it first")
    shutil.rmtree(home, ignore_errors=True)
    overrides = {"redis_url": None, "database_url": SecretStr(f"sqlite:///{home / 'hearth.db'}"), "keys": None}
    try:
        yield usual.model_copy(update={"home": home, **overrides})
    finally:
        lock.release()


@contextmanager
def _running(chosen: Settings) -> Iterator[Cluster]:
    notice("starting broker, database, workers, beat and Flower")
    began = time.monotonic()
    with start(chosen, notice=notice) as cluster:
        try:
            cluster.wait_ready()
            notice(f"every worker answers after {time.monotonic() - began:.1f} s")
            yield cluster
        finally:
            notice("stopping: workers finish what they do")


@click.command(cls=Command, epilog=example("hearth up"))
def up() -> None:
    """The cluster in the foreground until Ctrl-C.

    Ctrl-C lets the workers finish; a second one hastens them. Ports and passwords are those of the last start.
    """
    chosen = settings()
    with _running(chosen) as cluster:
        click.echo("\n".join(places(cluster, chosen)))
        cluster.wait()


def places(cluster: Cluster, chosen: Settings) -> list[str]:
    """Return the addresses of a running cluster's parts, without passwords."""
    is_sqlite = chosen.database_url.get_secret_value().startswith("sqlite")
    return [
        f"broker    its address with the password is redis_url in {chosen.cluster_file}",
        f"Flower    {cluster.flower_url} as {cluster.facts.get('flower_user')}, password in {chosen.cluster_file}",
        f"database  {chosen.home if is_sqlite else 'the one of DATABASE_URL'}",
        f"logs      {chosen.home / 'logs'}",
    ]


@click.command(cls=Command, epilog=example("hearth migrate"))
def migrate() -> None:
    """Bring the database to the newest schema.

    One that is there already is left as it is.
    """
    # Alembic takes 0.4 s to import, which `hearth demo` and `hearth up` need not wait for
    from migrations.commands import upgrade

    upgrade(settings().database_url.get_secret_value())
    click.echo("the database is at the newest schema")
