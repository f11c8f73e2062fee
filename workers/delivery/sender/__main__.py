"""The process `python -m workers.delivery.sender [--dry-run]`."""

from __future__ import annotations

import argparse

from db.session import dispose
from workers.base.settings import Settings, settings
from workers.delivery.poll_loop import Service, prepare_process
from workers.delivery.sender.client import Client
from workers.delivery.sender.sender import Sender
from workers.delivery.sender.tokens import tokens_of


def main(arguments: list[str] | None = None) -> None:
    """Send until SIGTERM; with `--dry-run`, print what would be sent."""
    parser = argparse.ArgumentParser(prog="python -m workers.delivery.sender", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent, and send nothing")
    dry_run = parser.parse_args(arguments).dry_run
    chosen, service = settings(), Service("sender", idle=1.0)
    prepare_process(service, chosen)
    sender = sender_of(chosen, dry_run=dry_run or chosen.sender_dry_run)
    try:
        service.run(sender.step)
    finally:
        sender.close()
        dispose()


def sender_of(chosen: Settings, *, dry_run: bool) -> Sender:
    """Return the sender by the settings of this process."""
    client = Client(base_url=chosen.sender_base_url.rstrip("/"), loopback=bool(chosen.webhook_loopback))
    return Sender(tokens=tokens_of(chosen), client=client, dry_run=dry_run)


if __name__ == "__main__":
    main()
