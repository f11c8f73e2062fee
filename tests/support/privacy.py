"""The planted person: every kind of data about one lead, findable anywhere."""

from __future__ import annotations

import csv
import time
import warnings
from datetime import UTC, datetime, timedelta

import pytest
import redis

from tasks.backfill import finish, import_chunk, start
from workers.app import app

NOW = datetime.now(UTC)


TENANT = "acme"


EXTERNAL = "contact-zyx-471100"


EMAIL = "zyxcanary@quuxworth.example"


PHONE = "+13055550147"


TEXT = "the blue heron sings at midnight"


CANARY = {
    "external_id": EXTERNAL,
    "email": EMAIL,
    "phone": PHONE,
    "first_name": "Zyxcanary",
    "last_name": "Quuxworth",
    "lead_type": "buyer",
    "created_at": (NOW - timedelta(days=9)).isoformat(),
    "opt_in_call": True,
    "custom": {"dog": "zyxterrier"},
}


#: what must be found nowhere
NEEDLES = tuple(
    needle.encode() for needle in ("zyxcanary", "zyxterrier", "quuxworth", "3055550147", "blue heron", EXTERNAL)
)


def written(url):
    """Wait until the broker is done with writing its append-only file anew."""
    with redis.Redis.from_url(url) as client:
        for _ in range(2000):
            facts = client.info("persistence")
            if not (facts["aof_rewrite_in_progress"] or facts["aof_rewrite_scheduled"]):
                return
            time.sleep(0.01)
    pytest.fail("the broker writes its append-only file for ever")


HEADER = ["external_id", "email", "phone", "first_name", "last_name", "created_at", "deal_value"]


OTHER = ["file-2", "second@example.com", "", "Second", "Row", "2026-01-02", "5"]


def import_file(tenant, path, rows, *, ending=True, **options):
    """An import as far as its end, or up to it, by the steps that workers take; gives the job's id."""
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([HEADER, *rows])
    job_id = start(tenant_id=tenant, uri=str(path), profile="canonical", **options)["data"]["job_id"]
    import_chunk(tenant_id=tenant, backfill_id=job_id, number=0)
    if ending:
        finish(tenant_id=tenant, backfill_id=job_id, abort=bool(options))
    return job_id


def answered(task_id, result, state):
    """Have the broker keep an answer, as a worker does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Celery says SETEX
        app.backend.store_result(task_id, result, state)
