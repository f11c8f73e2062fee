"""A real cluster, run the way people run it: `hearth up` in a home of its own."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.commands import HEARTH, OURS, ROOT, environment, living, wait_until
from workers.base.settings import settings
from workers.cli import main


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Iterator[Path]:
    """The home of a running cluster, one for all modules; each works in tenants of its own."""
    home = tmp_path_factory.mktemp("hearth")
    with (home / "up.log").open("w") as log:
        up = subprocess.Popen([*HEARTH, "up"], cwd=ROOT, env=environment(home), stdout=log, stderr=log)
    try:
        # a start takes 10 s; under `make coverage`, which measures every process, more than 90
        ready = wait_until(lambda: up.poll() is not None or "Flower    http" in (home / "up.log").read_text(), 300)
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
