"""The audit chain: no change passes unseen, and the database itself refuses changes."""

from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import text

from db import session as sessions
from db.errors import StatementRefused, UnstorableValue
from db.records import AuditAnchor, AuditDraft, AuditReport
from db.repositories import audit

NOW = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def append(write):
    def call(number=1, tenant_id="T1"):
        entries = [AuditDraft(kind="prediction", body={"b": n, "a": [0.1 + 0.2, "é"]}) for n in range(number)]
        return write(audit.append, tenant_id=tenant_id, entries=entries, now=NOW)

    return call


@pytest.fixture
def verify(tenant):
    def call(tenant_id=tenant, **given):
        with sessions.reading(sessions.EVERY_TENANT) as session:
            return audit.verify(session, tenant_id, **given)

    return call


@pytest.fixture
def forge(database, request):
    """Run statements with the triggers out of the way, as somebody may who owns the database."""

    def run_sqlite(*statements):
        triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            found = session.execute(text(triggers)).all()
            for name, _ in found:
                session.execute(text(f"DROP TRIGGER {name}"))
            for statement in statements:
                session.execute(text(statement))
            for _, sql in found:
                session.execute(text(sql))

    def run_postgresql(*statements):
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            session.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
            for statement in statements:
                session.execute(text(statement))
            session.execute(text("ALTER TABLE audit ENABLE TRIGGER USER"))

    return run_sqlite if database.startswith("sqlite") else run_postgresql


def bad(rows, first_bad, reason, anchor=None):
    return AuditReport(ok=False, rows=rows, first_bad=first_bad, reason=reason, anchor=anchor)


def test_a_chain_grows_and_verifies(append, verify, write_all, write):
    assert append(0) == AuditAnchor(sequence=0, hash=bytes(32))
    append(3)
    last = append(2)
    append(1, tenant_id="T2")
    assert last == write(audit.head)
    assert last.sequence == 5
    assert verify() == AuditReport(ok=True, rows=5, first_bad=None, reason=None)
    assert verify(anchors=[last]).ok
    assert verify("T2").rows == 1
    assert verify("unknown") == AuditReport(ok=True, rows=0, first_bad=None, reason=None)
    assert write_all(audit.tenants) == ["T1", "T2"]


def test_the_same_rows_give_another_chain_for_another_tenant(append):
    assert append(1).hash != append(1, tenant_id="T2").hash


def test_an_old_anchor_holds_while_the_chain_grows(append, verify):
    anchor = append(2)
    append(2)
    assert verify(anchors=[append(1), anchor]).ok


def test_a_long_chain_is_read_in_parts(append, verify):
    append(2_500)
    assert verify() == AuditReport(ok=True, rows=2_500, first_bad=None, reason=None)


@pytest.mark.parametrize(
    "change",
    [
        "body = replace(body, 'b', 'c')",
        "kind = 'other'",
        "at = '2026-11-01 12:00:00.123457'",
        "hash = prev_hash",
        "prev_hash = hash",
    ],
)
def test_a_changed_row_is_named(append, verify, forge, change):
    append(4)
    forge(f"UPDATE audit SET {change} WHERE sequence = 3")
    assert verify() == bad(2, 3, "changed")


@pytest.mark.parametrize("sequence", [1, 3])
def test_a_row_that_lacks_is_named(append, verify, forge, sequence):
    append(4)
    forge(f"DELETE FROM audit WHERE sequence = {sequence}")
    assert verify() == bad(sequence - 1, sequence, "missing")


def test_truncation_is_seen_by_the_head(append, verify, forge):
    append(4)
    forge("DELETE FROM audit WHERE sequence > 2")
    assert verify() == bad(2, 3, "truncated")
    forge("DELETE FROM audit")
    assert verify() == bad(0, 1, "truncated")


def test_truncation_with_its_head_is_seen_by_the_anchor(append, verify, forge):
    anchor = append(4)
    back = "SELECT {} FROM audit WHERE audit.tenant_id = audit_heads.tenant_id AND sequence = 2"
    both = ", ".join(f"{name} = ({back.format('audit.' + name)})" for name in ("hash", "sequence"))
    forge(f"UPDATE audit_heads SET {both.replace('AND sequence', 'AND audit.sequence')}")
    forge("DELETE FROM audit WHERE sequence > 2")
    assert verify().ok
    assert verify(anchors=[anchor]) == bad(2, 3, "truncated", anchor)


def test_a_chain_written_anew_is_seen_by_the_anchor(append, verify, forge, write):
    anchor = append(2)
    forge("DELETE FROM audit", "DELETE FROM audit_heads")
    assert verify(anchors=[anchor]) == bad(0, 1, "truncated", anchor)
    write(audit.append, entries=[AuditDraft(kind="x", body={})] * 3, now=NOW)
    assert verify().ok
    assert verify(anchors=[anchor]) == bad(1, 2, "anchor", anchor)


def test_an_anchor_written_after_a_chain_was_rewritten_does_not_hide_the_older_ones(append, verify, forge, write):
    old = [append(2), append(2)]
    forge("DELETE FROM audit", "DELETE FROM audit_heads")
    rewritten = [write(audit.append, entries=[AuditDraft(kind="x", body={})] * 4, now=NOW)]
    rewritten.append(write(audit.append, entries=[AuditDraft(kind="x", body={})], now=NOW))
    assert verify(anchors=rewritten).ok
    assert verify(anchors=[*old, *rewritten]) == bad(1, 2, "anchor", old[0])
    assert verify(anchors=[*rewritten, old[1]]) == bad(3, 4, "anchor", old[1])


@pytest.mark.parametrize(
    ("change", "first_bad"),
    [
        ("UPDATE audit_heads SET sequence = 2", 3),
        ("UPDATE audit_heads SET hash = (SELECT prev_hash FROM audit WHERE sequence = 1)", 4),
        ("DELETE FROM audit_heads", 1),
    ],
)
def test_a_head_that_tells_another_story_is_seen(append, verify, forge, change, first_bad):
    append(4)
    forge(change)
    assert verify() == bad(4, first_bad, "head")


@pytest.mark.parametrize("change", ["UPDATE audit SET kind = 'x'", "DELETE FROM audit"])
def test_the_database_refuses_changes(append, verify, change):
    append(2)
    with pytest.raises(StatementRefused), sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(text(change))
    assert verify().rows == 2


COLUMNS = "tenant_id, sequence, at, kind, body, prev_hash, hash"
REST = "at, 'forged', body, prev_hash, hash FROM audit"
FORGED = f"SELECT tenant_id, sequence, {REST}"


@pytest.mark.parametrize(
    "change",
    [
        f"INSERT OR REPLACE INTO audit ({COLUMNS}) {FORGED} WHERE sequence = 2",
        f"REPLACE INTO audit ({COLUMNS}) {FORGED}",
        f"INSERT OR REPLACE INTO audit (rowid, {COLUMNS}) SELECT rowid, tenant_id, 9, {REST} WHERE sequence = 1",
        f"INSERT INTO audit ({COLUMNS}) {FORGED} WHERE true ON CONFLICT DO UPDATE SET kind = 'forged'",
        "UPDATE OR REPLACE audit SET sequence = 1 WHERE sequence = 2",
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sqlite_refuses_to_replace_a_row(append, verify, change):
    append(2)
    with pytest.raises(StatementRefused), sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(text(change))
    assert verify() == AuditReport(ok=True, rows=2, first_bad=None, reason=None)
    append(1)
    assert verify().rows == 3


def test_postgresql_refuses_to_empty_it_and_grants_nothing_to_others(
    append, database, migrated_postgresql, postgresql_admin
):
    if database.startswith("sqlite"):
        pytest.skip("SQLite knows neither TRUNCATE nor roles")
    append(1)
    with pytest.raises(StatementRefused), sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(text("TRUNCATE audit"))
    _, admin = migrated_postgresql
    admin.execute("CREATE ROLE audit_reader")
    try:
        admin.execute("GRANT SELECT, INSERT ON audit TO audit_reader")
        admin.execute("SET ROLE audit_reader")
        for change in ("UPDATE audit SET kind = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
                admin.execute(change)
    finally:
        admin.execute("RESET ROLE")
        admin.execute("DROP OWNED BY audit_reader; DROP ROLE audit_reader")


def test_rows_appended_at_once_stand_in_one_chain(append, verify, at_once):
    at_once(*[lambda: append(5)] * 4)
    assert verify() == AuditReport(ok=True, rows=20, first_bad=None, reason=None)


def test_verifying_goes_on_beside_writers(append, verify, at_once):
    append(1_500)
    *_, report = at_once(*[lambda: append(50)] * 3, verify)
    assert report.ok
    assert report.rows >= 1_500


def test_an_effect_taken_back_leaves_no_row(append, verify):
    def fail():
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            audit.append(session, "T1", entries=[AuditDraft(kind="x", body={})], now=NOW)
            raise KeyError

    append(1)
    with pytest.raises(KeyError):
        fail()
    assert append(1).sequence == 2
    assert verify().ok


@pytest.mark.parametrize("value", [float("nan"), NOW])
def test_a_body_is_finite_json(write, value):
    with pytest.raises(UnstorableValue):
        write(audit.append, entries=[AuditDraft(kind="x", body={"a": value})], now=NOW)
