"""A person by several ids, some of which went with an earlier erasure: each is looked at by itself."""

import json

import pytest

from db.records import QuarantineDraft
from db.repositories import audit
from db.repositories.jobs import quarantine
from db.repositories.leads import leads
from db.session import EVERY_TENANT, reading, transaction
from tasks.errors import InvalidPayload
from tasks.leads.upsert import upsert
from tasks.privacy.rights import forget, readmit
from tests.support.privacy import CANARY, EXTERNAL, NOW, OTHER, import_file

ROW = [EXTERNAL, "", "", "Zyxcanary", "Quuxworth", "2026-01-01", "lots", "one cell too many"]
FIRST = {"external_id": "first-4711", "email": "first@example.com", "last_name": "First"}


@pytest.fixture
def first(tenant):
    """The erasure that a person went with before."""
    upsert(tenant_id=tenant, leads=[FIRST])
    return forget(tenant_id=tenant, external_ids=["first-4711"])["data"]["erasure_id"]


@pytest.fixture
def rows_alone(tenant, first, tmp_path_factory, places):
    """The canary in a row kept aside, its copy, the error file and a held message, and no lead."""
    import_file(tenant, tmp_path_factory.mktemp("given") / "short.csv", [ROW, OTHER], max_error_rate=1.0)
    body = json.dumps({"tenant_id": tenant, "lead": {"external_id": EXTERNAL}}).encode()
    draft = QuarantineDraft(task="t", queue="ingest", reason="unknown_task", headers={}, body=body)
    with transaction(EVERY_TENANT) as session:
        quarantine.hold(session, tenant, draft=draft, now=NOW)
    assert places()


def states(answer):
    return [one["state"] for one in answer["data"]["ids"]]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["first-4711", EXTERNAL], ["erased_before", "searched"]),
        ([EXTERNAL, "first-4711"], ["searched", "erased_before"]),
        ([EXTERNAL, "nobody-1", EXTERNAL, "first-4711", "first-4711"], None),
    ],
)
def test_one_that_went_before_does_not_keep_another(tenant, first, rows_alone, places, asked, told):
    answer = forget(tenant_id=tenant, external_ids=asked)
    assert places() == []
    assert "duplicate" not in answer
    assert (answer["data"]["leads"], answer["data"]["erasure_id"] != first) == (0, True)
    assert (answer["data"]["stores"]["rejected_rows"], answer["data"]["stores"]["quarantine"]) == (1, 1)
    assert answer["data"]["files"]["error_file_rows"] == 1
    assert states(answer) == (told or ["searched"] * 3 + ["erased_before"] * 2)
    assert {one.get("erasure_id") for one in answer["data"]["ids"]} == {first, None}
    again = forget(tenant_id=tenant, external_ids=asked)
    assert again["duplicate"] is True
    assert again["data"]["erasure_id"] == answer["data"]["erasure_id"]
    befores = [one.get("erasure_id") for one in again["data"]["ids"]]
    mine = {"first-4711": first, "nobody-1": answer["data"]["erasure_id"], EXTERNAL: answer["data"]["erasure_id"]}
    assert befores == [mine[name] for name in asked]


def test_a_lead_goes_with_all_its_ids_beside_one_that_went_before(tenant, first, canary, places):
    upsert(tenant_id=tenant, leads=[CANARY | {"source_system": "other", "external_id": "second-4712"}])
    answer = forget(tenant_id=tenant, external_ids=["first-4711", "nobody-1", "second-4712", EXTERNAL])
    assert states(answer) == ["erased_before", "searched", "erased", "erased"]
    assert (answer["data"]["leads"], answer["data"]["stores"]["lead_identities"]) == (1, 2)
    assert places() == []
    refused = upsert(tenant_id=tenant, leads=[CANARY])["data"]["rejected"]
    assert refused == [{"index": 0, "code": "privacy.forgotten"}]
    with reading(EVERY_TENANT) as session:
        assert audit.verify(session, tenant).ok
        assert leads.ids(session, tenant) == []


def test_all_that_went_before_are_told_with_their_own_erasures(tenant, first, canary):
    second = forget(tenant_id=tenant, lead_id=canary)["data"]["erasure_id"]
    answer = forget(tenant_id=tenant, external_ids=[EXTERNAL, "first-4711"])
    assert answer["duplicate"] is True
    assert [one["erasure_id"] for one in answer["data"]["ids"]] == [second, first]
    assert answer["data"]["erasure_id"] == second, "the newest"
    with pytest.raises(InvalidPayload, match="unknown_lead"):
        forget(tenant_id=tenant, external_ids=["nobody-1", "nobody-2"])


def test_the_same_wish_looks_again(tenant, rows_alone, places, tmp_path_factory):
    """An id without its system closes no door: whoever brings it again is found by the next wish."""
    once = forget(tenant_id=tenant, external_ids=[EXTERNAL])["data"]["erasure_id"]
    import_file(tenant, tmp_path_factory.mktemp("given") / "again.csv", [ROW, OTHER], max_error_rate=1.0)
    assert places()
    answer = forget(tenant_id=tenant, external_ids=[EXTERNAL])
    assert (places(), answer.get("duplicate"), answer["data"]["erasure_id"] != once) == ([], None, True)
    assert forget(tenant_id=tenant, external_ids=[EXTERNAL])["data"] == answer["data"]


def test_who_was_let_in_again_and_came_in_rows_alone_is_found(tenant, canary, places, tmp_path_factory):
    erasure_id = forget(tenant_id=tenant, lead_id=canary)["data"]["erasure_id"]
    readmit(tenant_id=tenant, erasure_id=erasure_id, actor="ada.quill")
    import_file(tenant, tmp_path_factory.mktemp("given") / "again.csv", [ROW, OTHER], max_error_rate=1.0)
    assert places()
    assert "duplicate" not in forget(tenant_id=tenant, external_ids=[EXTERNAL, "first-4711"])
    assert places() == []


def test_a_trial_of_several_ids_changes_nothing(tenant, first, rows_alone, places):
    before = places()
    told = forget(tenant_id=tenant, external_ids=["first-4711", EXTERNAL], dry_run=True)["data"]
    assert (told["stores"]["rejected_rows"], told["ids"][1]) == (1, {"index": 1, "state": "searched"})
    assert places() == before
    assert forget(tenant_id=tenant, external_ids=["first-4711"], dry_run=True)["duplicate"] is True


def test_wishes_that_overlap_are_both_granted(tenant, canary, other, places, monkeypatch):
    """While one erases A and B, another that was sent for B and C has begun: it ends C under an id of its own."""
    from tasks.services.privacy import workspace_files

    scrub, inner = workspace_files.scrub, []

    def scrub_and_let_another_pass(*args, **options):
        monkeypatch.setattr(workspace_files, "scrub", scrub)
        inner.append(forget(tenant_id=tenant, external_ids=[EXTERNAL, "first-4711"]))
        return scrub(*args, **options)

    monkeypatch.setattr(workspace_files, "scrub", scrub_and_let_another_pass)
    outer = forget(tenant_id=tenant, external_ids=[EXTERNAL, "other-1"])
    assert (inner[0]["data"]["leads"], outer["data"]["leads"]) == (1, 1)
    assert inner[0]["data"]["erasure_id"] != outer["data"]["erasure_id"]
    with reading(EVERY_TENANT) as session:
        assert leads.ids(session, tenant) == []
    assert places() == []
