"""What a score asks of the database: as many statements for many leads as for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from tasks.leads import score, upsert
from tasks.tenants import configure


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are run while the block does, those that begin and end transactions apart."""
    told: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            told.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield told
    finally:
        event.remove(Engine, "before_cursor_execute", note)


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
    assert len(many) == len(one) <= 13, one
