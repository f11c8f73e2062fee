"""A chunk of an import reads as long as its budget lasts; what is left waits its turn as a chunk of its own."""

from __future__ import annotations

import csv
import gc
import warnings

import pytest
from pydantic import SecretStr

from db.repositories.backfills import backfills
from db.session import EVERY_TENANT, reading, transaction
from tasks.backfill import chunks, finish, import_chunk, start
from tasks.tenants import configure
from tests.support.broker import running
from workers.app import app
from workers.cluster.embedded import join

pytestmark = pytest.mark.usefixtures("broker", "database", "workspace_folder")

HEADER = ["external_id", "first_name", "phone", "created_at"]


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """The project's app sends its messages to this one, where nobody takes them."""
    before = app.conf.broker_url
    with running(tmp_path_factory.mktemp("broker")) as url:
        join(SecretStr(url))
        yield
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Celery drops its connections as they are
            gc.collect()
            join(SecretStr(before))
            gc.collect()


@pytest.fixture
def tenant(database):
    configure(tenant_id="acme", settings={"timezone": "America/New_York"})
    return "acme"


def started(tenant, path, rows):
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([HEADER, *rows])
    return start(tenant_id=tenant, uri=str(path), profile="canonical", mode="commit")["data"]["job_id"]


def known(tenant, job_id):
    with reading(EVERY_TENANT) as session:
        return backfills.chunks(session, tenant, backfill_id=job_id)


def summed(tenant, job_id):
    finish(tenant_id=tenant, backfill_id=job_id)
    with reading(EVERY_TENANT) as session:
        record = backfills.get(session, tenant, backfill_id=job_id)
        kept = list(backfills.rejected(session, tenant, backfill_id=job_id))
    return record, kept


def test_what_a_spent_budget_leaves_is_a_chunk_of_its_own(tenant, tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "BUDGET", 0.0)
    rows = [
        ["1", "Zo\u00eb", "", "2026-01-02"],
        ["2", "two\r\nlines \u00e9", "", "2026-01-02"],
        ["3", "Cy", "no phone", "2026-01-02"],
        ["4", "", "", ""],
        ["5", "Ed", "305 555 1212", "never"],
    ]
    job_id = started(tenant, tmp_path / "leads.csv", rows)
    for number in range(5):
        assert import_chunk(tenant_id=tenant, backfill_id=job_id, number=number)["data"] == {"state": "done"}
        pending = [chunk.number for chunk in known(tenant, job_id) if chunk.state == "pending"]
        assert pending == ([number + 1] if number < 4 else [])
        # whatever is delivered twice is done once
        assert import_chunk(tenant_id=tenant, backfill_id=job_id, number=number)["data"] == {"state": "done"}
    found = known(tenant, job_id)
    assert [(one.first_record, one.records, one.first_line) for one in found] == [
        (1, 1, 2), (2, 1, 3), (3, 1, 5), (4, 1, 6), (5, 1, 7),
    ]  # fmt: skip
    record, kept = summed(tenant, job_id)
    assert (record.state, record.chunks, record.remaining) == ("finished", 5, 0)
    assert (record.summary["rows"]["read"], record.summary["rows"]["created"]) == (5, 5)
    assert [(row.record, row.line, row.code) for row in kept] == [(3, 5, "value.phone"), (5, 7, "value.date")]


def test_a_part_that_is_handed_on_is_sent_again_where_it_gets_lost(tenant, tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "BUDGET", 0.0)
    job_id = started(tenant, tmp_path / "leads.csv", [[str(number), "Ann", "", ""] for number in range(3)])
    import_chunk(tenant_id=tenant, backfill_id=job_id, number=0)
    rest = known(tenant, job_id)[1]
    assert (rest.state, rest.records, rest.attempts, rest.leased_until) == ("pending", 2, 0, None)
    assert rest.enqueued_at is not None
    monkeypatch.setattr(chunks, "BUDGET", 60.0)
    import_chunk(tenant_id=tenant, backfill_id=job_id, number=1)
    record, _ = summed(tenant, job_id)
    assert (record.state, record.summary["rows"]["created"]) == ("finished", 3)


def test_cells_of_blanks_hold_nobody_up_and_are_told(tenant, tmp_path):
    blanks = " " * 32_000
    rows = [[str(number), "Ann", f"305{blanks}x", f"2026-01-01{blanks}x"] for number in range(20)]
    job_id = started(tenant, tmp_path / "leads.csv", rows)
    import_chunk(tenant_id=tenant, backfill_id=job_id, number=0)
    record, kept = summed(tenant, job_id)
    assert (record.state, record.summary["rows"]["created"], record.chunks) == ("finished", 20, 1)
    assert record.summary["warnings"] == {"value.too_long": 40}
    assert {(row.column, row.code) for row in kept} == {("phone", "value.too_long"), ("created_at", "value.too_long")}


def test_a_chunk_cannot_be_cut_by_another_tenant(tenant, tmp_path):
    job_id = started(tenant, tmp_path / "leads.csv", [["1", "Ann", "", ""]])
    place = {"offset": 0, "first_record": 1, "first_line": 2}
    with pytest.raises(backfills.UnknownBackfill), transaction(EVERY_TENANT) as session:
        backfills.split_chunk(session, "other", backfill_id=job_id, number=0, **place)
