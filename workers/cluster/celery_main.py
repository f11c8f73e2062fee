"""Run Celery's `worker` or `beat` alone: `python -m workers.cluster.celery_main worker workers.bootstrap OPTION…`.

Celery's own command first loads its plug-ins, among them Flower's web server and a shell: a third of a second of each
process's start.
"""

from __future__ import annotations

import sys

from celery.app.utils import find_app
from celery.bin.base import CLIContext
from celery.bin.beat import beat
from celery.bin.worker import worker

_COMMANDS = {"worker": worker, "beat": beat}


def main() -> None:
    """Run a worker or beat of the app that the second argument names; exit with its code."""
    command, app, *options = sys.argv[1:]
    context = CLIContext(app=find_app(app), no_color=True, workdir=None, quiet=True)
    _COMMANDS[command].main(options, prog_name=f"celery {command}", obj=context)


if __name__ == "__main__":
    main()
