"""A file compared with what is stored, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from db.data_subject import DataSubject
from db.records import BackfillDraft, ChunkDraft, ComparedLead, LeadDraft, RejectedRow
from db.repositories.backfills import backfills, reconciliation
from db.repositories.leads import archives, leads
from db.repositories.privacy import erasure_stores
from db.repositories.privacy.tombstones import FORGOTTEN

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
DRAFT = BackfillDraft(
    key="k", sha256="0", file_name="f", spool="s", mode="reconcile", policy="overwrite", profile="generic", source={}
)
WINDOW = {"systems": ["crm"], "stored_before": LATER, "created_before": LATER}


def draft(external_id, system="crm", **given):
    return LeadDraft(source_system=system, external_id=external_id, **given)


def row(what, lead_id=None, external_id=None, line=2, columns=()):
    return ComparedLead(
        what=what, lead_id=lead_id, source_system="crm", external_id=external_id, line=line, columns=columns
    )


@pytest.fixture
def run(write):
    """The id of a running comparison of one chunk."""
    part = ChunkDraft(number=0, offset=0, first_record=0, first_line=2, records=1)
    return write(backfills.create, draft=DRAFT, chunks=[part], now=LATER)[0].backfill_id


@pytest.fixture
def deleted(run, write):
    """Find the deleted; gives their external ids."""

    def call(**window):
        write(reconciliation.find_deleted, backfill_id=run, **{**WINDOW, **window})
        return [one.external_id for one in listed(write, run) if one.what == "deleted"]

    return call


def listed(write, run):
    return write(lambda session, tenant_id: list(reconciliation.differences(session, tenant_id, backfill_id=run)))


def test_leads_that_no_row_met_are_deleted(run, write, upsert, deleted):
    met, gone, *_ = upsert(draft("a"), draft("b"), draft("c", system="other"))
    upsert(draft("b"), tenant_id="T2")
    rows = [
        row("changed", met.lead_id, "a", line=3, columns=("source", "custom.x")),
        row("missing", external_id="n", line=2),
        row("missing", external_id="n", line=9),
    ]
    write(reconciliation.save, backfill_id=run, rows=rows)
    write(reconciliation.save, backfill_id=run, rows=[row("unchanged", met.lead_id, "a", line=7)])
    assert deleted() == ["b"]
    assert deleted() == ["b"], "found twice, noted once"
    assert write(reconciliation.counts, backfill_id=run) == {"missing": 1, "changed": 1, "deleted": 1, "unchanged": 0}
    found = listed(write, run)
    assert [(one.what, one.lead_id, one.line) for one in found] == [
        ("missing", None, 2),
        ("changed", met.lead_id, 3),
        ("deleted", gone.lead_id, None),
    ]
    assert found[1].columns == ("source", "custom.x")


def test_leads_newer_than_the_file_are_not_deleted(upsert, deleted):
    upsert(draft("a", fields={"created_at": NOW}), draft("b"))
    upsert(draft("c"), now=LATER)
    assert deleted(stored_before=NOW) == []
    assert deleted(created_before=NOW - timedelta(seconds=1)) == ["b"]
    assert deleted() == ["a", "b"]


def test_a_lead_is_of_every_system_that_knows_it(upsert, deleted, run, write, read):
    """Listed for the system whose file it is; archived only where no other one has it."""
    contact = {"email": "a@example.com"}
    both = upsert(draft("x", system="other", contact=contact), draft("a", contact=contact))[0].lead_id
    alone = upsert(draft("b"))[0].lead_id
    without_id = upsert(LeadDraft(source_system="crm", contact={"email": "c@example.com"}))[0].lead_id
    assert set(deleted()) == {"a", "b", None}
    assert write(reconciliation.archive, backfill_id=run) == 2
    assert {read(lead_id).status for lead_id in (alone, without_id)} == {"archived"}
    assert read(both).status == "open"


def test_archived_leads_keep_their_label_and_come_back_with_it(upsert, deleted, run, write, read):
    won, still = (upsert(one)[0].lead_id for one in (draft("a", label=True), draft("b")))
    deleted()
    assert write(reconciliation.archive, backfill_id=run) == 2
    assert write(reconciliation.archive, backfill_id=run) == 0
    record = read(won)
    assert (record.status, record.fields["opportunity_status"], record.label) == ("archived", "archived", True)
    assert record.version == 2
    assert write(leads.callable_leads) == {}
    assert upsert(draft("b"), policy="overwrite")[0].outcome == "unchanged"
    assert write(archives.restore, lead_ids=[won, still, "nobody"]) == {won, still}
    assert write(archives.restore, lead_ids=[won, still]) == set()
    assert (read(won).status, read(still).status) == ("won", "open")
    assert list(write(leads.callable_leads)) == [still]


def test_archived_leads_are_not_deleted_again(upsert, deleted, run, write):
    upsert(draft("a"))
    deleted()
    write(reconciliation.archive, backfill_id=run)
    write(backfills.finish, backfill_id=run, state="finished", summary={}, error=None, error_file=None, now=LATER)
    assert listed(write, run) == [], "the rows end with the import"
    assert deleted() == []


def test_many_leads_are_archived_in_runs(upsert, deleted, run, write):
    upsert(*(draft(f"x{number}") for number in range(1_100)))
    assert len(deleted()) == 1_100
    assert write(reconciliation.archive, backfill_id=run) == 1_100
    assert len(write(leads.ids, status="archived")) == 1_100


@pytest.mark.parametrize(
    ("severity", "code", "told"),
    [("error", "row.no_identity", True), ("warning", "value.date", False), ("error", FORGOTTEN, False)],
)
def test_rejected_rows_are_noticed(run, write, severity, code, told):
    kept = RejectedRow(line=2, record=1, severity=severity, code=code, column=None, message="m", cells=("a",))
    write(backfills.finish_chunk, backfill_id=run, number=0, counts={}, rejected=[kept], now=LATER)
    assert write(reconciliation.any_rejected, backfill_id=run) is told


def test_erasure_takes_rows_of_people_who_are_not_stored(run, write):
    write(reconciliation.save, backfill_id=run, rows=[row("missing", external_id="n"), row("missing", external_id="m")])
    subject = DataSubject(identities=frozenset({("crm", "n")}))
    assert write(lambda session, tenant_id: erasure_stores.compared_rows(session, tenant_id, subject)) == 1
    assert [one.external_id for one in listed(write, run)] == ["m"]


def test_an_update_names_what_changed(upsert, event):
    first = draft("a", contact={"email": "a@example.com"}, fields={"source": "web", "beds_min": 2.0}, custom={"x": 1.0})
    assert upsert(first)[0].columns == ()
    news = draft(
        "a",
        contact={"email": "b@example.com"},
        fields={"source": "web", "beds_min": 3.0, "stage": "contacted"},
        custom={"x": 2.0},
        consent={"dnd_sms": True},
        label=True,
        events=(event(),),
    )
    told = ("beds_min", "custom.x", "dnd_sms", "email", "label", "stage", "events")
    assert upsert(news, policy="overwrite")[0].columns == told
    assert upsert(news, policy="overwrite")[0].columns == ()
    other = draft("a2", system="other", contact={"email": "b@example.com"})
    assert upsert(other)[0].columns == ("external_id",)
