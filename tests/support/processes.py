"""Looking at real processes from outside."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil

from workers.base.settings import Settings

ROOT = Path(__file__).parents[2]


def until(condition, patience=20.0):
    """The first true answer of `condition`."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, f"it did not happen within {patience} s"
        time.sleep(0.05)
    return found


def of_home(home):
    """Every living process whose environment, arguments or folder name this home, whatever its session or parent."""
    found = []
    for process in psutil.process_iter():
        try:
            # the broker writes its title over its arguments and its environment, but works in its folder
            told = " ".join([*process.cmdline(), process.environ().get("HEARTH_HOME", ""), process.cwd()])
            if str(home) in told and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                found.append(process)
        except psutil.Error:
            continue
    return found


def environment(home):
    """The environment of a process that is to use this home and nothing of ours."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("HEARTH_", "REDIS_URL", "DATABASE_URL"))}
    return ours | {"HEARTH_HOME": str(home), "PYTHONPATH": str(ROOT)}


@contextmanager
def runner(home, *more):
    """A process that runs the cluster of `home`, ready for tasks; killed at the end if it still lives."""
    command = [sys.executable, "-m", "tests.support.runner", *more]
    with subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)


def settings_of(home):
    return Settings(home=home, redis_url=None, database_url=f"sqlite:///{home}/hearth.db", keys=None)
