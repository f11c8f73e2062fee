"""Run `hearth` and callers as processes, and look at what they leave."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


HEARTH = [sys.executable, "-c", "from workers.cli import main; main(prog_name='hearth')"]


OURS = ("REDIS_URL", "DATABASE_URL", "HEARTH_HOME", "HEARTH_KEYS")


def environment(home: Path, **more: str) -> dict[str, str]:
    """The test's own environment, with Hearth living in `home` on embedded defaults."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**kept, "HEARTH_HOME": str(home), "PYTHONPATH": str(ROOT), **more}


def living(home: Path) -> list[str]:
    """The processes of a home that still run."""
    return [
        " ".join(process.info["cmdline"] or ())[:120]
        for process in psutil.process_iter(["cmdline"])
        if _of(process, home)
    ]


def _of(process: psutil.Process, home: Path) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get("HEARTH_HOME", "").startswith(
            str(home)
        )
    except psutil.Error:
        return False


def wait_until(true: Callable[[], object], seconds: float) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
