"""The commands for people: quarantine, dead letters and the audit chains, on both databases."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from db.records import AuditDraft, OutboundDraft, QuarantineDraft
from db.repositories import audit, tenants
from db.repositories.jobs import outbox as rows
from db.repositories.jobs import quarantine as held
from db.repositories.outbound import outbound
from db.session import EVERY_TENANT, transaction
from tasks.runtime.files import workspace
from workers.base.settings import settings
from workers.cli import main

NOW = datetime.now(UTC)
SECRET = "ann.secret@example.com"


@pytest.fixture
def hearth(database, test_keyring, tmp_path, monkeypatch):
    """Runs a command on this test's database; gives its exit code and JSON."""
    for name, value in {"DATABASE_URL": database, "HEARTH_KEYS": test_keyring.dump(), "HEARTH_HOME": tmp_path}.items():
        monkeypatch.setenv(name, str(value))
    settings.cache_clear()

    def run(*args):
        done = CliRunner().invoke(main, [*args, "--json"], prog_name="hearth")
        return done.exit_code, json.loads(done.stdout) if done.stdout else done.stderr

    with transaction(EVERY_TENANT) as session:
        tenants.configure(session, "acme", settings={}, actor="test", now=NOW)
    yield run
    settings.cache_clear()


def hold(task="crm.new"):
    facts = {"headers": {"task": task, "x-note": SECRET}, "properties": {}, "content_type": "application/json"}
    facts["content_encoding"] = "utf-8"
    body = json.dumps([[], {"note": SECRET}, {}]).encode()
    draft = QuarantineDraft(task=task, queue="batch", reason="poison", headers=facts, body=body)
    with transaction(EVERY_TENANT) as session:
        return held.hold(session, "acme", draft=draft, now=NOW)


def test_an_entry_that_is_no_message_cannot_be_sent_again(hearth):
    draft = QuarantineDraft(task=None, queue="batch", reason="malformed", headers={"entry": "not_json"}, body=b"{")
    with transaction(EVERY_TENANT) as session:
        one = held.hold(session, "*", draft=draft, now=NOW)
    code, told = hearth("quarantine", "replay", one)
    assert (code, "is not a message" in told) == (1, True)
    assert hearth("quarantine", "replay", "--all") == (0, {"replayed": 0})
    assert hearth("quarantine", "drop", one) == (0, {"dropped": 1})


def test_what_is_held_is_listed_and_shown_without_its_content(hearth):
    one = hold()
    code, listed = hearth("quarantine", "list")
    assert code == 0
    assert [message["id"] for message in listed["messages"]] == [one]
    shown = hearth("quarantine", "show", one)[1]
    assert (shown["reason"], shown["task"], shown["tenant_id"]) == ("poison", "crm.new", "acme")
    assert shown["header_names"] == ["task", "x-note"]
    assert shown["body_bytes"] > 10
    assert SECRET not in json.dumps([listed, shown])
    assert SECRET in hearth("quarantine", "show", one, "--reveal")[1]["body"]


def test_messages_are_replayed_and_dropped_once(hearth):
    one, other, third = hold(), hold("crm.newer"), hold()
    assert hearth("quarantine", "drop", one) == (0, {"dropped": 1})
    assert hearth("quarantine", "drop", one) == (0, {"dropped": 0})
    assert hearth("quarantine", "replay", "--all", "--task", "crm.newer") == (0, {"replayed": 1})
    assert hearth("quarantine", "replay", one, other, third) == (0, {"replayed": 1})
    with transaction(EVERY_TENANT) as session:
        taken = rows.claim(session, limit=9, per_tenant=9, older_than=-60.0)
    assert {row.kwargs["quarantine_id"] for row in taken} == {other, third}
    assert SECRET not in repr(taken)
    code, said = hearth("quarantine", "show", "nothing")
    assert (code, said.startswith("Error: no message")) == (1, True)
    assert hearth("quarantine", "replay")[0] == 2


def test_dead_letters_are_listed_and_replayed(hearth):
    draft = OutboundDraft(type="band.changed", lead_id="L1", body={})
    with transaction(EVERY_TENANT) as session:
        events = [record.event_id for record in outbound.emit(session, "acme", events=[draft] * 3, now=NOW)]
        for event_id in events:
            outbound.mark_dead(session, "acme", event_id=event_id, error="http.410")
    code, found = hearth("outbound", "dead", "--tenant", "acme")
    assert code == 0
    assert [(letter["event_id"], letter["error"]) for letter in found["dead"]] == [(e, "http.410") for e in events]
    assert hearth("outbound", "replay", "--tenant", "acme", events[0])[1]["replayed"] == 1
    assert hearth("outbound", "replay", "--tenant", "acme", "--all")[1]["replayed"] == 2
    assert hearth("outbound", "replay", "--tenant", "acme")[0] == 2
    assert hearth("outbound", "dead", "--tenant", "nobody")[0] == 1


def prove(count):
    with transaction(EVERY_TENANT) as session:
        entries = [AuditDraft(kind="settings", body={"n": n}) for n in range(count)]
        return audit.append(session, "acme", entries=entries, now=NOW)


def test_chains_are_verified_against_their_anchors(hearth, tmp_path):
    workspace.bind(tmp_path)
    workspace.note_anchor("acme", prove(3), NOW)
    code, report = hearth("audit", "verify")
    assert (code, report["ok"], report["chains"][0]["rows"]) == (0, True, 3)
    path = tmp_path / "audit" / "acme.json"
    line = json.loads(path.read_text())
    path.write_text(json.dumps({**line, "sequence": 5}) + "\n" + json.dumps(line) + "\n{half a li")
    code, report = hearth("audit", "verify", "--tenant", "acme")
    assert (code, report["ok"]) == (1, False)
    assert (report["chains"][0]["first_bad"], report["chains"][0]["reason"]) == (4, "truncated")
    path.write_text(json.dumps({**line, "hash": "00" * 32}))
    assert hearth("audit", "verify")[1]["chains"][0]["reason"] == "anchor"


def test_a_chain_that_is_gone_as_a_whole_is_noticed(hearth, tmp_path):
    (tmp_path / "audit").mkdir()
    line = {"sequence": 7, "hash": "00" * 32, "at": NOW.isoformat()}
    (tmp_path / "audit" / "gone.json").write_text(json.dumps(line))
    code, report = hearth("audit", "verify")
    assert (code, report["chains"][0]["tenant_id"], report["chains"][0]["first_bad"]) == (1, "gone", 1)
