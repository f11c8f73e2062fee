"""What the workers of these tests load: the real hooks and settings, and a task that notes that it ran."""

import time
from pathlib import Path

from celery import shared_task

from workers.app import app
from workers.worker import hooks

__all__ = ["app", "hooks"]


@shared_task(name="toys.note", ignore_result=True)
def note(*, tenant_id, number, path, seconds=0.0):
    """Append who it was to a file."""
    time.sleep(seconds)
    with Path(path).open("a") as file:
        file.write(f"{tenant_id}-{number}\n")
