"""The ordinary flow as the role of production, which row-level security binds; a neighbour has the same lead."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from db.base import Base
from db.repositories import audit
from db.repositories.jobs import outbox, quarantine
from db.repositories.leads import leads
from db.session import EVERY_TENANT, reading
from tasks import backfill, churn, events, jobs, outbound, pipelines, reports, system
from tasks.interventions.dispatch import dispatch
from tasks.interventions.expire import expire
from tasks.interventions.follow_up import follow_up
from tasks.interventions.plan import plan
from tasks.interventions.releases import release
from tasks.interventions.report import report
from tasks.leads.assessment_stages import snapshot_stage
from tasks.leads.card import card
from tasks.leads.history import history
from tasks.leads.overrides import mark, override
from tasks.leads.reply_clocks import refresh_reply_clocks
from tasks.leads.rescoring import rescore, sweep
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.leads.worklist import worklist
from tasks.online.mature import mature
from tasks.outcomes import record
from tasks.privacy.reread import reread
from tasks.privacy.retention import purge
from tasks.privacy.rights import export, forget, restrict
from tasks.tenants import configure, readiness
from tests.support.privacy import CANARY, EMAIL, EXTERNAL, NOW, OTHER, PHONE, TENANT, import_file
from workers.app import app
from workers.base.quarantine import find, replay_known
from workers.delivery.outbound import Deliverer
from workers.delivery.relay import Relay, RelayLimits

NEIGHBOUR = "brook"


@pytest.fixture
def database(production_database):
    """Instead of the owner's: that of the role which deploy/postgresql gives to workers."""
    return production_database


@pytest.fixture
def neighbour(tenant):
    """Another tenant with the same lead."""
    configure(tenant_id=NEIGHBOUR)
    lead_id = upsert(tenant_id=NEIGHBOUR, leads=[CANARY])["data"]["lead_ids"][0]
    score(tenant_id=NEIGHBOUR, lead_id=lead_id)
    return lead_id


def whole(production):
    """All that is stored of the neighbour, but what upkeep does for everybody."""
    moving = {"outbox", "reply_clocks", "risk_checks", "rescore_due", "signal_counters"}
    owned = [name for name, table in Base.metadata.tables.items() if "tenant_id" in table.columns]
    with production.connected("postgres") as admin:
        rows = {
            name: admin.execute(f'SELECT t::text FROM "{name}" AS t WHERE tenant_id = %s ORDER BY 1', [NEIGHBOUR])
            for name in owned
        }
        return {name: found.fetchall() for name, found in rows.items() if name not in moving}


def assessed(lead_ids):
    """An assessment by its stages, in the order in which workers take them; gives how it ended."""
    job = pipelines.assess(tenant_id=TENANT, lead_ids=lead_ids)["data"]["assessment_id"]
    call = {"tenant_id": TENANT, "assessment_id": job}
    assert pipelines.start(**call)["data"]["published"]
    for stage in (snapshot_stage, *pipelines.STAGES.values(), pipelines.finish):
        stage(**call)
    return jobs.status(tenant_id=TENANT, job_id=job)["data"]["state"]


def upkeep():
    """Run what beat sends, once."""
    for each in (
        sweep,
        churn.sweep,
        pipelines.sweep,
        backfill.sweep,
        dispatch,
        expire,
        follow_up,
        refresh_reply_clocks,
        mature,
        reread,
        purge,
        system.send_canaries,
        system.anchor,
        system.purge,
    ):
        assert each()["status"] == "ok", each.name
    replay_known(app.tasks)


def test_the_ordinary_flow_works_and_reaches_no_neighbour(
    tenant, canary, other, neighbour, broker, production, tmp_path_factory
):
    before, path = whole(production), tmp_path_factory.mktemp("given") / "leads.csv"
    ended = [{"subject": {"lead_id": other}, "type": "replied", "at": (NOW - timedelta(hours=1)).isoformat()}]
    assert record(tenant_id=tenant, outcomes=ended)["status"] == "ok"
    good = ["file-1", EMAIL, PHONE, "Zyxcanary", "Quuxworth", "2026-01-01", "9"]
    import_file(tenant, path, [good, OTHER, ["", "", "", "", "", "", ""]])
    with reading(tenant) as session:
        assert session.scalar(text("SELECT current_user")) == "hearth_app"
        known = leads.ids(session, tenant)
    assert len(known) >= 3
    assert score(tenant_id=tenant, lead_ids=known)["status"] == "ok"
    again = [{**ended[0], "at": datetime.now(UTC).isoformat()}]
    assert record(tenant_id=tenant, outcomes=again)["data"]["online_updates"] == 1
    assert churn.predict(tenant_id=tenant, lead_ids=known)["status"] == "ok"
    assert assessed(known) == "finished"
    assert worklist(tenant_id=tenant)["data"]["leads"]
    point = history(tenant_id=tenant, lead_id=canary)["data"]["points"][0]["prediction_id"]
    assert mark(tenant_id=tenant, prediction_id=point, verdict="right", actor="ada")["status"] == "ok"
    assert override(tenant_id=tenant, lead_id=canary, band="hot", actor="ada")["status"] == "ok"
    assert card(tenant_id=tenant, lead_id=canary)["status"] == "ok"
    assert plan(tenant_id=tenant, lead_ids=known)["status"] == "ok"
    assert release(tenant_id=tenant, actor="ada")["status"] == "ok"
    for each in (readiness, report, reports.value_report, events.replay, system.status):
        assert each(tenant_id=tenant)["status"] in {"ok", "insufficient_data"}, each.name
    upkeep()
    for each in (rescore, churn.check):
        assert each(tenant_id=tenant)["status"] == "ok"
    relay, deliverer = Relay(app, RelayLimits(older_than=0.0)), Deliverer(app)
    relay.step()
    deliverer.step()
    relay.close()
    deliverer.close()
    assert outbound.pull(tenant_id=tenant, cursor=0)["data"]["events"]
    assert export(tenant_id=tenant, lead_id=canary)["status"] == "ok"
    assert restrict(tenant_id=tenant, lead_id=other, restricted=True, reason="request", actor="ada")
    gone = forget(tenant_id=tenant, external_ids=[EXTERNAL])["data"]
    assert gone["leads"] == 1
    with reading(EVERY_TENANT) as session:
        assert audit.verify(session, tenant).ok
        assert audit.tenants(session) == [tenant, NEIGHBOUR]
        assert outbox.lag(session).waiting == 0
        assert leads.exists(session, NEIGHBOUR, lead_id=neighbour)
        assert quarantine.entries(session) == []
        assert find(session, "nobody") is None
    assert whole(production) == before
    with production.connected("postgres") as admin:
        users = "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'hearth' AND application_name = 'hearth'"
        assert admin.execute(users).fetchall() == [("hearth_app",)]
