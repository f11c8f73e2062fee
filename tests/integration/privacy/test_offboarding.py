"""A tenant leaves: everything of it goes, provably, and the other tenant stays as it was."""

import hashlib
import json
from pathlib import Path

import pytest
import redis
from sqlalchemy import text

from db.base import Base, to_json
from db.errors import StatementRefused
from db.records import ApiKeyDraft
from db.repositories import api_keys, audit
from db.repositories.privacy import offboarding
from db.repositories.privacy.offboarding import INSTALLATION
from db.session import EVERY_TENANT, reading, transaction
from tasks.errors import InvalidPayload
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.privacy.people import correct
from tasks.privacy.retention import purge
from tasks.privacy.rights import export, forget
from tasks.services.privacy import offboarding as service
from tasks.services.privacy import tenant_archive
from tasks.system import anchor
from tasks.tenants import configure, delete
from tests.support.privacy import CANARY, NOW, OTHER, TEXT, answered, import_file
from workers.app import app

NEIGHBOUR = "brook"


@pytest.fixture
def full(tenant, canary, other, tmp_path_factory):
    """Fill many stores of the tenant, and give a neighbour the same lead."""
    configure(tenant_id=NEIGHBOUR)
    theirs = upsert(tenant_id=NEIGHBOUR, leads=[CANARY])["data"]["lead_ids"][0]
    for name, lead_id in ((NEIGHBOUR, theirs), (tenant, canary), (tenant, other)):
        score(tenant_id=name, lead_id=lead_id)
        correct(tenant_id=name, lead_id=lead_id, fields={"state": "FL"}, actor="ada")
        export(tenant_id=name, lead_id=lead_id)
    for name in (NEIGHBOUR, tenant):
        issued_keys(name)
    path = tmp_path_factory.mktemp("given") / "leads.csv"
    import_file(tenant, path, [OTHER, ["", "", "", "", "", "", ""]])
    forget(tenant_id=tenant, lead_id=other)
    for name in (tenant, NEIGHBOUR):
        answered(f"answer-{name}", {"tenant_id": name, "data": {}}, "SUCCESS")
        app.send_task("hearth.leads.score", kwargs={"tenant_id": name, "lead_ids": ["x"]})
    anchor()
    return tenant


def issued_keys(tenant_id):
    """Make a key of each kind."""
    shared = {"name": "web", "scopes": ("read",), "rate": 5.0, "created_by": "ada"}
    with transaction(tenant_id) as session:
        return [
            api_keys.create(session, tenant_id, draft=ApiKeyDraft(kind=kind, **shared), now=NOW)
            for kind in ("bearer", "signing")
        ]


def rows(tenant_id):
    """Return all rows of a tenant by table, as text."""
    with reading(EVERY_TENANT) as session:
        return {
            name: sorted(
                str(row)
                for row in session.execute(text(f'SELECT * FROM "{name}" WHERE tenant_id = :t'), {"t": tenant_id})
            )
            for name in offboarding.tables()
        }


def gone(tenant_id, **options):
    return delete(tenant_id=tenant_id, actor="ada", confirm=tenant_id, **options)["data"]


def files_of(home, tenant_id):
    return [path for path in Path(home).rglob("*") if path.is_file() and path.name.startswith(tenant_id)]


def test_a_tenant_goes_wholly_and_the_other_stays_byte_for_byte(full, broker, workspace_folder):
    before, theirs = rows(full), rows(NEIGHBOUR)
    their_files = files_of(workspace_folder, NEIGHBOUR)
    stored = {name: len(found) for name, found in before.items() if found}
    assert len(stored) > 15, "many stores have rows"
    planned = delete(tenant_id=full, actor="ada", dry_run=True)["data"]["before"]
    assert planned["rows"] == stored
    assert rows(full) == before, "a dry run changes nothing"
    answer = gone(full)
    assert (answer["state"], answer["left"], answer["before"]["rows"]) == ("deleted", 0, stored)
    assert answer["before"]["messages"] >= 1
    assert answer["before"]["files"]["exports"] == 2, "the file and the page of one copy"
    assert answer["before"]["chain"]["whole"]
    assert not any(rows(full).values())
    assert rows(NEIGHBOUR) == theirs
    assert [path.name for path in files_of(workspace_folder, full)] == [Path(answer["file"]).name]
    assert files_of(workspace_folder, NEIGHBOUR) == their_files
    with redis.Redis.from_url(broker) as client:
        assert client.get(f"celery-task-meta-answer-{full}") is None
        assert client.get(f"celery-task-meta-answer-{NEIGHBOUR}") is not None
        waiting = [json.loads(raw) for raw in client.lrange("inference", 0, -1)]
    assert len(waiting) == 1


def test_the_proof_can_be_computed_again_and_stays_in_a_chain_of_its_own(full):
    answer = gone(full)
    with open(answer["file"]) as file:
        told = json.load(file)
    row = told["row"]
    text_of_row = to_json(
        [row["tenant_id"], row["sequence"], row["at"].replace("Z", "+00:00"), row["kind"], row["body"]]
    )
    digest = hashlib.sha256(bytes.fromhex(row["prev_hash"]) + text_of_row.encode()).hexdigest()
    assert digest == row["hash"] == told["digest"] == answer["digest"]
    body = json.loads(row["body"])
    assert (body["tenant_id"], body["actor"], body["after"]["rows"], body["after"]["files"]) == (full, "ada", 0, 0)
    with reading(EVERY_TENANT) as session:
        assert audit.verify(session, INSTALLATION).ok
        assert full not in audit.tenants(session)


def test_what_arrives_later_is_refused_and_a_second_deletion_says_the_same(full):
    answer = gone(full)
    for late in (lambda: upsert(tenant_id=full, leads=[CANARY]), lambda: score(tenant_id=full, lead_id="x")):
        with pytest.raises(InvalidPayload) as refused:
            late()
        assert refused.value.code == "unknown_tenant"
    again = gone(full)
    assert {name: again[name] for name in ("offboarding_id", "digest", "sequence")} == {
        name: answer[name] for name in ("offboarding_id", "digest", "sequence")
    }
    with pytest.raises(InvalidPayload):
        gone("never-there")


def test_a_deletion_that_was_cut_off_goes_on_and_nobody_creates_the_tenant_meanwhile(full, monkeypatch):
    theirs = rows(NEIGHBOUR)
    monkeypatch.setattr(service, "BUDGET", 0.0)  # the time is spent at once
    begun = gone(full)
    assert (begun["state"], begun["left"] > 0) == ("deleting", True)
    with pytest.raises(InvalidPayload) as refused:
        configure(tenant_id=full)
    assert refused.value.code == "conflict"
    with pytest.raises(InvalidPayload):
        upsert(tenant_id=full, leads=[CANARY])
    purge()
    monkeypatch.undo()
    ended = gone(full)
    assert (ended["state"], ended["offboarding_id"]) == ("deleted", begun["offboarding_id"])
    assert not any(rows(full).values())
    assert {name: found for name, found in rows(NEIGHBOUR).items() if name != "audit_heads"} == {
        name: found for name, found in theirs.items() if name != "audit_heads"
    }
    assert configure(tenant_id=full)["data"]["created"], "it may come back, as a new one"


def test_only_a_deletion_that_is_under_way_may_take_a_chain(full):
    statement = text("DELETE FROM audit WHERE tenant_id = :t")
    with pytest.raises(StatementRefused), transaction(full) as session:
        session.execute(statement, {"t": full})
    gone(full)
    configure(tenant_id=full)
    upsert(tenant_id=full, leads=[CANARY])
    with pytest.raises(StatementRefused), transaction(full) as session:
        session.execute(statement, {"t": full})


def test_what_a_running_task_stores_later_goes_with_the_daily_purge(full):
    answer = gone(full)
    head = workspace_chain_length()
    with transaction(EVERY_TENANT) as session:
        session.execute(
            text("INSERT INTO attempts (tenant_id, task, task_id, count, updated_at) VALUES (:t, 'x', 'y', 1, :now)"),
            {"t": full, "now": "2026-11-30 12:00:00"},
        )
    assert purge()["data"]["late"] == 1
    assert not any(rows(full).values())
    assert workspace_chain_length() == head + 1
    assert gone(full)["offboarding_id"] != answer["offboarding_id"], "the newest statement is given"


def workspace_chain_length():
    with reading(EVERY_TENANT) as session:
        return audit.head(session, INSTALLATION).sequence


def test_a_slip_deletes_nobody(full):
    before = rows(full)
    for wrong in ({}, {"confirm": NEIGHBOUR}):
        with pytest.raises(InvalidPayload):
            delete(tenant_id=full, actor="ada", **wrong)
    assert rows(full) == before


def test_every_table_but_the_record_of_deletions_is_emptied():
    assert sorted(offboarding.tables()) == sorted(set(Base.metadata.tables) - {"offboardings"})


def test_a_copy_of_everything_is_documented_and_complete(full, tmp_path):
    before, folder = rows(full), tmp_path / "copy"
    told = tenant_archive.write(full, folder, actor="ada", now=NOW)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    lines = {name: [json.loads(line) for line in (folder / name).read_text().splitlines()] for name in told["files"]}
    for table in (
        "leads",
        "events",
        "consent_entries",
        "corrections",
        "audit",
        "tenant_settings",
        "erasures",
        "api_keys",
    ):
        name = f"{tenant_archive.FILES.get(table, table)}.jsonl"
        assert len(lines[name]) == len(before[table]) == told["files"][name]["lines"], name
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == told["files"][name]["sha256"]
    assert lines["leads.jsonl"][0]["contact"]["email"]
    assert TEXT in {row["text"] for row in lines["events.jsonl"]}
    readme = (folder / "README.txt").read_text()
    assert all(f"{name}:" in readme for name in told["files"])
    with reading(EVERY_TENANT) as session:
        assert audit.verify(session, full).ok
        newest = session.execute(
            text("SELECT body FROM audit WHERE tenant_id = :t ORDER BY sequence DESC LIMIT 1"), {"t": full}
        ).scalar_one()
    assert (
        json.loads(newest)["sha256"]
        == told["sha256"]
        == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    )
    with pytest.raises(FileExistsError):
        tenant_archive.write(full, folder, actor="ada", now=NOW)


def test_a_copy_holds_no_secret(tenant, tmp_path):
    secret = "a-secret-of-sixteen-letters"
    callback = {"kind": "webhook", "url": "https://crm.example/hook", "secret": secret}
    configure(tenant_id=tenant, settings={"callback": callback})
    issued = issued_keys(tenant)
    tenant_archive.write(tenant, tmp_path / "copy", actor="ada", now=NOW)
    settings = (tmp_path / "copy" / "settings.jsonl").read_text()
    assert "https://crm.example/hook" in settings
    assert "sealed" not in settings
    copied = b"".join(path.read_bytes() for path in (tmp_path / "copy").iterdir())
    for one in issued:
        stored = (one.secret[-64:], api_keys.secret_hash(one.secret).hex())
        assert one.record.key_id.encode() in copied
        assert not any(told.encode() in copied for told in stored)
    columns = json.loads((tmp_path / "copy" / "api_keys.jsonl").read_text().splitlines()[0])
    assert not {"secret_hash", "sealed_secret"} & set(columns)
