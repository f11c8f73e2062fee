"""What the workers of these tests load instead of workers.bootstrap: the real hooks and settings, small tasks."""

import os
import signal
import time
from pathlib import Path

from celery import shared_task, signals
from celery.worker.control import control_command

from tasks.errors import InvalidPayload
from workers.app import app
from workers.worker import hooks

__all__ = ["app", "hooks"]


@shared_task(name="toys.echo")
def echo(**kwargs):
    return kwargs


@shared_task(name="toys.work")
def work(*, started, done, seconds):
    """Leaves a file when it begins and one when it ends: ended work can be told from interrupted work."""
    Path(started).touch()
    time.sleep(seconds)
    with Path(done).open("a") as file:
        file.write("done\n")


@shared_task(name="toys.fail")
def fail(**kwargs):
    raise ValueError(f"cannot use {kwargs}")


@shared_task(name="toys.refuse")
def refuse(**kwargs):
    raise InvalidPayload.at("unknown_lead", "lead_ids.0", f"no {kwargs}")


@shared_task(name="toys.upkeep", send_events=False)
def upkeep(*, fails):
    if fails:
        raise ValueError(fails)


@shared_task(name="toys.again", bind=True, max_retries=1)
def again(self, **kwargs):
    raise self.retry(exc=RuntimeError(f"try {kwargs}"), countdown=0.1)


@shared_task(name="toys.poison", max_retries=0)
def poison():
    """Takes its process with it, and may do so only once."""
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(name="toys.unsendable")
def unsendable():
    """Never reaches a child: the pool cannot write it down."""


@signals.task_received.connect
def on_received(request, **_):
    if request.type == "toys.unsendable":
        request.request_dict["unsendable"] = lambda: None


@shared_task(name="toys.fall")
def fall():
    """Takes its process with it."""
    os.kill(os.getpid(), signal.SIGKILL)


@control_command()
def swallow(state):
    """Take every place of the pool for good, as a failure between taking and running a message once did."""
    semaphore = state.consumer.controller.semaphore
    while semaphore.value:
        semaphore.acquire(lambda: None)
    return {"places": semaphore.value}


@control_command(args=[("seconds", float), ("started", str)], signature="[SECONDS [FILE]]")
def hang(state, seconds, started):
    """Keep the main process from everything else; `started` is a file that says so."""
    Path(started).touch()
    time.sleep(seconds)
