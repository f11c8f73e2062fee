"""What was read in somebody's messages is theirs: sealed, in their copy, gone with the message and with them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select, update

from db.models import Event, MessageAnalysis
from db.session import EVERY_TENANT, reading, transaction
from tasks.leads.score import score
from tasks.privacy.retention import purge
from tasks.privacy.rights import export, forget
from tasks.services.privacy import tenant_archive
from tests.support.privacy import EXTERNAL, NEEDLES, NOW


def stored() -> int:
    with reading(EVERY_TENANT) as session:
        return session.scalar(select(func.count()).select_from(MessageAnalysis)) or 0


def test_it_is_sealed_shown_to_the_person_and_erased(tenant: str, canary: str) -> None:
    score(tenant_id=tenant, lead_id=canary)
    with reading(EVERY_TENANT) as session:
        [sealed] = session.scalars(select(MessageAnalysis.result))
        [event_id] = session.scalars(select(MessageAnalysis.event_id))
    assert not any(needle in sealed.lower() for needle in (*NEEDLES, b"language"))

    copy = export(tenant_id=tenant, external_ids=[EXTERNAL])["data"]
    [told] = json.loads(Path(copy["file"]).read_text())["stores"]["message_analyses"]
    assert told["event_id"] == event_id
    assert (told["result"]["language"], told["result"]["words"]) == ("en", 6)
    assert told["result"]["tone"].keys() >= {"state", "confidence", "why_not"}
    assert "What was read in your messages" in Path(copy["page"]).read_text()

    answer = forget(tenant_id=tenant, external_ids=[EXTERNAL])["data"]
    assert answer["stores"]["message_analyses"] == 1
    assert stored() == 0


def test_it_goes_with_its_message_when_its_days_are_over(tenant: str, canary: str) -> None:
    score(tenant_id=tenant, lead_id=canary)
    assert stored() == 1
    with transaction(EVERY_TENANT) as session:
        session.execute(update(Event).values(recorded_at=NOW - timedelta(days=1096)))
    purge()
    assert stored() == 0


def test_a_tenant_that_leaves_takes_it_along(tenant: str, canary: str, tmp_path: Path) -> None:
    score(tenant_id=tenant, lead_id=canary)
    told = tenant_archive.write(tenant, tmp_path / "copy", actor="ada", now=NOW)
    name = f"{tenant_archive.FILES.get('message_analyses', 'message_analyses')}.jsonl"
    assert told["files"][name]["lines"] == 1
    [row] = [json.loads(line) for line in (tmp_path / "copy" / name).read_text().splitlines()]
    assert row["result"]["tone"].keys() >= {"state", "confidence"}
