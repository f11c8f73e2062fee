"""The process `python -m workers.gateway`."""

from __future__ import annotations

import sys

from workers.base.errors import WorkersError
from workers.base.settings import settings
from workers.gateway.process import run
from workers.telemetry import logs


def main() -> None:
    """Serve until SIGTERM."""
    chosen = settings()
    logs.configure(chosen.log_level)
    try:
        run(chosen)
    except WorkersError as error:
        sys.exit(f"gateway: {error}")


if __name__ == "__main__":
    main()
