"""Anchors as files: the longest chain ever written down counts."""

import json
from datetime import UTC, datetime

from db.records import AuditAnchor
from tasks.runtime.files import workspace
from workers.telemetry import audit_checkpoints

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def head(sequence, digit="0"):
    return AuditAnchor(sequence=sequence, hash=bytes.fromhex(digit * 64))


def test_what_the_task_writes_is_read(tmp_path):
    workspace.bind(tmp_path)
    for sequence in (1, 5):
        workspace.note_anchor("LOC:1", head(sequence), NOW)
    found = audit_checkpoints.newest(tmp_path, "LOC:1")
    assert (found.anchor, found.at) == (head(5), NOW)
    assert audit_checkpoints.tenants(tmp_path) == ["LOC:1"]
    assert audit_checkpoints.newest(tmp_path, "LOC2") is None


def test_a_chain_that_was_cut_does_not_hide_itself(tmp_path):
    workspace.bind(tmp_path)
    for one in (head(5), head(3, "1"), head(5, "2")):
        workspace.note_anchor("acme", one, NOW)
    assert audit_checkpoints.newest(tmp_path, "acme").anchor == head(5)


def test_every_head_that_was_written_down_counts(tmp_path):
    workspace.bind(tmp_path)
    heads = [head(1), head(4, "1"), head(9, "2")]
    for one in heads:
        workspace.note_anchor("acme", one, NOW)
    assert audit_checkpoints.every(tmp_path, "acme") == heads
    assert audit_checkpoints.every(tmp_path, "other") == []


def test_lines_that_are_none_are_passed_over(tmp_path):
    path = tmp_path / "audit" / "acme.json"
    path.parent.mkdir()
    good = json.dumps({"sequence": 2, "hash": "00" * 32, "at": NOW.isoformat()})
    path.write_bytes(b"\xff\n{}\n7\n" + good.encode() + b'\n{"sequence": 9, "ha')
    assert audit_checkpoints.newest(tmp_path, "acme").anchor.sequence == 2


def test_no_tenant_leads_out_of_the_folder(tmp_path):
    (tmp_path / "secret.json").write_text(json.dumps({"sequence": 2, "hash": "00", "at": NOW.isoformat()}))
    assert audit_checkpoints.newest(tmp_path, "../secret") is None
