"""What a score asks of the database: as many statements for many leads as for one."""

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


def test_many_leads_take_as_many_statements_as_one(lead_ids: list[str]) -> None:
    with counted() as one:
        assert score(tenant_id="acme", lead_id=lead_ids[0], as_of="2025-01-01T00:00:00Z")["status"] == "ok"
    with counted() as many:
        assert score(tenant_id="acme", lead_ids=lead_ids, as_of="2025-01-02T00:00:00Z")["data"]["scored"] == 60
    # the answer about one lead also gives its own id, which takes one statement
    assert len(many) + 1 == len(one) <= 14, one
