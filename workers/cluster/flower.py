"""Run Flower behind a password: `python -m workers.cluster.flower`. The password is never on its command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from workers.base.errors import FlowerUnprotected
from workers.base.settings import Settings, settings

#: tasks that Flower remembers, some 5 KB each; its own 100,000 would take half a gigabyte
MAX_TASKS = 5_000
#: columns of its list of tasks; the last says by which code a message was refused
COLUMNS = "name,uuid,state,received,runtime,worker,exception"
#: workers that it remembers, and the seconds after which it forgets one that is gone: each has a name of its own for
#: every host it ran on, and metrics for each task
MAX_WORKERS, GONE = 200, 3600


def environment(chosen: Settings) -> Mapping[str, str]:
    """Return Flower's environment.

    Raises:
        FlowerUnprotected: no `user:password` in HEARTH_FLOWER_AUTH.

    """
    auth = chosen.flower_auth.get_secret_value() if chosen.flower_auth else ""
    user, _, password = auth.partition(":")
    if not (user and password) or "," in auth:
        raise FlowerUnprotected("set HEARTH_FLOWER_AUTH=user:password (no comma in it) before Flower starts")
    return {
        "FLOWER_BASIC_AUTH": auth,
        "FLOWER_ADDRESS": "127.0.0.1",
        "FLOWER_PORT": str(chosen.flower_port or 5555),
        "FLOWER_READ_ONLY": str(chosen.flower_read_only),
        "FLOWER_UNAUTHENTICATED_API": "false",
        "FLOWER_MAX_TASKS": str(MAX_TASKS),
        "FLOWER_TASKS_COLUMNS": COLUMNS,
        # our workers send events by themselves; a CRM's own worker on this broker need not, and is then not listed
        "FLOWER_ENABLE_EVENTS": "false",
        "FLOWER_MAX_WORKERS": str(MAX_WORKERS),
        "FLOWER_PURGE_OFFLINE_WORKERS": str(GONE),
        # Flower needs no results; without a backend it has none to show
        "CELERY_RESULT_BACKEND": "disabled://",
    }


def main() -> None:
    """Become Flower."""
    try:
        os.environ.update(environment(settings()))
    except FlowerUnprotected as error:
        sys.exit(f"flower: {error}")
    command = [sys.executable, "-P", "-m", "celery", "--quiet", "-A", "workers.app", "flower"]
    os.execv(sys.executable, command)  # noqa: S606 - ourselves


if __name__ == "__main__":
    main()
