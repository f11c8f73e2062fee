"""Chunks that nobody works on any more are found; those somebody works on are left alone."""

from datetime import UTC, datetime

import pytest

from db import session as sessions
from db.records import BackfillDraft, ChunkDraft
from db.repositories.backfills import backfills, chunk_leases

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DRAFT = BackfillDraft(
    key="k", sha256="0", file_name="f", spool="s", mode="commit", policy="overwrite", profile="generic", source={}
)


@pytest.fixture
def run(write):
    """The id of an import of three chunks."""
    parts = [ChunkDraft(number=n, offset=n, first_record=n, first_line=n, records=1) for n in range(3)]
    return write(backfills.create, draft=DRAFT, chunks=parts, now=NOW)[0].backfill_id


@pytest.fixture
def stalled(write_all):
    def call(older_than=3600, limit=9):
        return [number for _, _, number in write_all(chunk_leases.stalled, older_than=older_than, limit=limit)]

    return call


def test_a_lease_is_given_once_and_attempts_count(run, write):
    own = {"backfill_id": run, "number": 0}
    first = write(chunk_leases.lease, **own, seconds=-1)
    second = write(chunk_leases.lease, **own, seconds=60)
    assert (first.attempts, second.attempts, second.state) == (1, 2, "pending")
    assert write(chunk_leases.lease, **own, seconds=60) is None
    write(chunk_leases.release, **own)
    assert write(chunk_leases.lease, **own, seconds=60).attempts == 3
    assert write(chunk_leases.lease, tenant_id="T2", **own, seconds=60) is None


def test_leases_asked_for_at_once_go_to_one(run, write, at_once):
    found = at_once(*[lambda: write(chunk_leases.lease, backfill_id=run, number=0, seconds=60)] * 4)
    assert sum(record is not None for record in found) == 1


def test_what_was_sent_just_now_is_not_stalled(run, stalled):
    assert stalled() == []
    assert stalled(older_than=-1) == [0, 1, 2]
    assert stalled(older_than=-1, limit=2) == [0, 1]


def test_a_lease_that_ran_out_is_stalled_until_it_is_sent_again(run, stalled, write):
    write(chunk_leases.lease, backfill_id=run, number=1, seconds=-1)
    write(chunk_leases.lease, backfill_id=run, number=2, seconds=60)
    assert stalled() == [1]
    assert stalled(older_than=-1) == [0, 1]
    write(chunk_leases.mark_enqueued, backfill_id=run, numbers=[1])
    assert stalled() == []


def test_what_has_ended_is_not_stalled(run, stalled, write):
    write(backfills.finish_chunk, backfill_id=run, number=0, counts={}, rejected=[], now=NOW)
    write(backfills.fail_chunk, backfill_id=run, number=1, error="file.gone", now=NOW)
    assert stalled(older_than=-1) == [2]
    assert write(chunk_leases.lease, backfill_id=run, number=0, seconds=60) is None
    write(backfills.finish, backfill_id=run, state="cancelled", summary=None, error=None, error_file=None, now=NOW)
    assert stalled(older_than=-1) == []


def test_a_chunk_in_work_is_left_alone(run, stalled, database):
    if database.startswith("sqlite"):
        pytest.skip("SQLite has one writer")
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        backfills.claim_chunk(session, "T1", backfill_id=run, number=0)
        assert stalled(older_than=-1) == [1, 2]


def test_an_import_without_chunks_left_is_unfinished_until_its_end(run, write, write_all):
    for number in range(3):
        assert write_all(chunk_leases.unfinished, limit=9) == []
        left = write(backfills.finish_chunk, backfill_id=run, number=number, counts={}, rejected=[], now=NOW)
        assert left == 2 - number
    assert write_all(chunk_leases.unfinished, limit=9) == [("T1", run)]
    write(backfills.finish, backfill_id=run, state="finished", summary={}, error=None, error_file=None, now=NOW)
    assert write_all(chunk_leases.unfinished, limit=9) == []
