"""Importing a file through the cluster, timed until the database says that it is done."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.harness import PATIENCE, Site
from db.base import JsonType
from db.records import BackfillRecord
from db.repositories.backfills import backfills
from db.session import EVERY_TENANT, reading
from tasks.runtime.files.file_grants import handed_over

#: seconds between two looks at the import's row
LOOK_INTERVAL = 0.05


def import_file(site: Site, tenant_id: str, path: Path, *, patience: float = PATIENCE, **options: Any) -> float:
    """Seconds from sending the import to seeing it finished; raises RuntimeError when it fails or takes too long."""
    started = time.monotonic()
    with handed_over(site.home, tenant_id, path) as uri:
        asked = {"tenant_id": tenant_id, "uri": uri, "resume": False, **options}
        job_id = site.call("hearth.backfill.csv", queue="batch", **asked)["job_id"]
    while (record := _record(tenant_id, job_id)).state == "running":
        if time.monotonic() > started + patience:
            raise RuntimeError("the import takes too long")
        time.sleep(LOOK_INTERVAL)
    if record.state != "finished":
        raise RuntimeError(f"the import {record.state}: {record.error}")
    return time.monotonic() - started


def rows_of(tenant_id: str) -> dict[str, int]:
    """What became of the rows of a tenant's newest import; those that were not taken are blank or bad."""
    newest = text("SELECT summary FROM backfills WHERE tenant_id = :own ORDER BY backfill_id DESC LIMIT 1")
    with reading(EVERY_TENANT) as session:
        summary = session.execute(newest.columns(summary=JsonType), {"own": tenant_id}).scalar_one()
    rows: dict[str, int] = summary["rows"]
    return rows


def _record(tenant_id: str, job_id: str) -> BackfillRecord:
    with reading(EVERY_TENANT) as session:
        record = backfills.get(session, tenant_id, backfill_id=job_id)
    assert record is not None
    return record
