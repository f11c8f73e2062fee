"""A lead as it was read for a snapshot is personal: sealed, copied for the person, gone once they are forgotten."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from db.models import Snapshot
from db.repositories.predictions import assessments
from db.session import EVERY_TENANT, reading, transaction
from tasks.leads.assessment_stages import snapshot_stage
from tasks.privacy.rights import export, forget
from tests.support.privacy import CANARY, EXTERNAL, NEEDLES


def test_it_is_sealed_shown_to_the_person_and_erased(tenant: str, canary: str) -> None:
    now = datetime.now(UTC)
    with transaction(tenant) as session:
        run = assessments.create(
            session,
            tenant,
            lead_ids=[canary],
            as_of=now,
            due_at=now + timedelta(minutes=1),
            stages=["snapshot"],
            now=now,
        )
    snapshot_stage(tenant_id=tenant, assessment_id=run.assessment_id)
    with reading(EVERY_TENANT) as session:
        stored = session.scalars(select(Snapshot.profile)).one()
    assert stored is not None
    assert not any(needle in stored.lower() for needle in NEEDLES)

    told = json.loads(Path(export(tenant_id=tenant, external_ids=[EXTERNAL])["data"]["file"]).read_text())
    assert told["stores"]["snapshots"][0]["profile"]["custom"] == CANARY["custom"]

    forget(tenant_id=tenant, external_ids=[EXTERNAL])
    with reading(EVERY_TENANT) as session:
        assert session.scalar(select(func.count()).select_from(Snapshot)) == 0
