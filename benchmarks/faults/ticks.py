"""What the beats of F9 load: a schedule that ticks twice a second for a job that is due once a second."""

from __future__ import annotations

from workers.app import app

__all__ = ["app"]

app.conf.beat_schedule = {
    "tick": {"task": "faults.tick", "schedule": 0.5, "options": {"queue": "inference", "expires": 5}}
}
