"""What the workers of the fault tests load: Hearth, and a hand that kills the process of the task in `home/kill`."""

import os
import signal
from pathlib import Path

from celery.signals import task_prerun

from workers.bootstrap import app

__all__ = ["app"]


@task_prerun.connect
def kill_where_told(task, **_):
    told = Path(os.environ["HEARTH_HOME"]) / "kill"
    if told.exists() and told.read_text() == task.name:
        os.kill(os.getpid(), signal.SIGKILL)
