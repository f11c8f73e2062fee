"""`hearth gateway`: the HTTP door, in the foreground."""

from __future__ import annotations

import click

from workers.base.settings import read_cluster, settings
from workers.cli.base.command import Command, CommandFailed, example
from workers.cli.base.output import emit, notice
from workers.telemetry import logs


@click.command(cls=Command, epilog=example("hearth gateway", "hearth gateway --port 9000 --json"))
@click.option("--host", metavar="ADDRESS", help="Where to listen. [default: 127.0.0.1, or HEARTH_GATEWAY_HOST]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="TCP port; 0 is any free one. [default: 8080, or HEARTH_GATEWAY_PORT]",
)
@click.option(
    "--without-webhooks", is_flag=True, help="Take no signed webhooks, so that HEARTH_GHL_KEYS need not be set."
)
@click.option("--json", "as_json", is_flag=True, help="Print the address as JSON once it listens.")
def gateway(host: str | None, port: int | None, without_webhooks: bool, as_json: bool) -> None:
    """The HTTP gateway in the foreground until Ctrl-C.

    It takes tasks and webhooks of programs that cannot reach the broker, for the cluster of REDIS_URL or the one that
    `hearth up` runs here. Callers need a key: see `hearth tenant key create --help`. HighLevel's webhooks are verified
    with its public keys in HEARTH_GHL_KEYS; without any it does not start, unless told that none come.
    """
    # every task and its models, which takes seconds
    from workers.gateway.process import run

    chosen = settings()
    if not (chosen.redis_url or read_cluster(chosen)):
        raise CommandFailed("no cluster runs here: start one with `hearth up`, or set REDIS_URL")
    given = {"gateway_host": host, "gateway_port": port, "gateway_webhooks": False if without_webhooks else None}
    chosen = chosen.model_copy(update={name: value for name, value in given.items() if value is not None})

    def listening(address: str) -> None:
        if as_json:
            emit({"url": address})
        else:
            notice(f"listening on {address}, until Ctrl-C")

    logs.configure(chosen.log_level)
    run(chosen, listening=listening)
