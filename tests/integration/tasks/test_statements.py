"""What a score asks of the database: as many statements for many leads as for fewer."""

from __future__ import annotations

import pytest

from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.tenants import configure
from tests.support.statements import counted


@pytest.fixture
def lead_ids(database: str) -> list[str]:
    configure(tenant_id="acme", settings={})
    leads = [{"external_id": f"L{number}", "lead_type": "buyer", "showings": 1} for number in range(60)]
    found: list[str] = upsert(tenant_id="acme", leads=leads)["data"]["lead_ids"]
    score(tenant_id="acme", lead_ids=found)
    return found


def test_many_leads_take_as_many_statements_as_fewer(lead_ids: list[str]) -> None:
    with counted() as one:
        assert score(tenant_id="acme", lead_id=lead_ids[0], as_of="2025-01-01T00:00:00Z")["status"] == "ok"
    with counted() as fewer:
        assert score(tenant_id="acme", lead_ids=lead_ids[:20], as_of="2025-01-02T00:00:00Z")["data"]["scored"] == 20
    with counted() as many:
        assert score(tenant_id="acme", lead_ids=lead_ids, as_of="2025-01-03T00:00:00Z")["data"]["scored"] == 60
    # of a few leads the cache is asked first, and what it does not know is looked for among the stored snapshots
    assert len(many) == len(fewer) <= len(one) <= 18, one
