"""A real cluster, run the way people run it: `hearth up` in a home of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from workers.base.settings import settings
from workers.cli import main

ROOT = Path(__file__).parents[3]
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


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Iterator[Path]:
    """The home of a running cluster, one for all modules; each works in tenants of its own."""
    home = tmp_path_factory.mktemp("hearth")
    with (home / "up.log").open("w") as log:
        up = subprocess.Popen([*HEARTH, "up"], cwd=ROOT, env=environment(home), stdout=log, stderr=log)
    try:
        ready = wait_until(lambda: up.poll() is not None or "Flower    http" in (home / "up.log").read_text(), 90)
        assert ready, (home / "up.log").read_text()
        assert up.poll() is None, (home / "up.log").read_text()
        yield home
    finally:
        up.terminate()
        assert up.wait(60) == 143
        assert not living(home)


@pytest.fixture(scope="session")
def redis_url(home) -> str:
    """The address of the cluster's broker."""
    return json.loads((home / "cluster.json").read_text())["redis_url"]


@pytest.fixture(scope="module")
def hearth(home):
    """Runs a command against the cluster, in this process: starting one takes a second each time."""
    with pytest.MonkeyPatch.context() as patch:
        for name in OURS:
            patch.delenv(name, raising=False)
        patch.setenv("HEARTH_HOME", str(home))
        patch.chdir(ROOT)
        settings.cache_clear()
        yield lambda *args: CliRunner().invoke(main, args, prog_name="hearth")
    settings.cache_clear()
