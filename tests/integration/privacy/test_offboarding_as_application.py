"""A tenant leaves where workers have the role of production, which may not delete from the audit chain itself."""

import psycopg
import pytest

from db.base import Base
from db.repositories import audit
from db.repositories.privacy.offboarding import INSTALLATION
from db.session import EVERY_TENANT, reading
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.privacy.people import correct, find
from tasks.tenants import configure, delete
from tests.support.privacy import CANARY, EMAIL

NEIGHBOUR = "brook"


@pytest.fixture
def database(production_database):
    """Instead of the owner's: that of the role which deploy/postgresql gives to workers."""
    return production_database


def counts(production, tenant_id):
    with production.connected("postgres") as admin:
        return {
            name: admin.execute(f'SELECT count(*) FROM "{name}" WHERE tenant_id = %s', [tenant_id]).fetchone()[0]
            for name in Base.metadata.tables
        }


def test_the_workers_role_deletes_one_tenant_and_reaches_no_other_chain(tenant, canary, other, production):
    configure(tenant_id=NEIGHBOUR)
    theirs = upsert(tenant_id=NEIGHBOUR, leads=[CANARY])["data"]["lead_ids"][0]
    for name, lead_id in ((tenant, canary), (NEIGHBOUR, theirs)):
        score(tenant_id=name, lead_id=lead_id)
        assert correct(tenant_id=name, lead_id=lead_id, fields={"state": "FL"}, actor="ada")["data"]["corrected"]
        assert find(tenant_id=name, email=EMAIL, actor="ada")["data"]["found"] == 1
    before = counts(production, NEIGHBOUR)
    assert delete(tenant_id=tenant, actor="ada", confirm=tenant)["data"]["state"] == "deleted"
    left = {name: count for name, count in counts(production, tenant).items() if count}
    assert left == {"offboardings": 1}
    assert counts(production, NEIGHBOUR) == before
    with reading(EVERY_TENANT) as session:
        assert audit.verify(session, INSTALLATION).ok
        assert audit.verify(session, NEIGHBOUR).ok
    for statement in ("DELETE FROM audit WHERE tenant_id = 'brook'", "SELECT audit_delete_chain('brook', 10)"):
        with (
            production.connected("hearth_app", options="-c hearth.tenant_id=brook") as worker,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            worker.execute(statement)
    assert counts(production, NEIGHBOUR) == before
