"""Retraining with processes killed stage by stage: the champion stays until the last one, and the run ends once."""

import time

import pytest

from db.repositories.models import history, models, retrainings
from db.session import reading
from domain.retraining import LONGEST
from tests.support.commands import wait_until
from tests.support.training import closed

pytestmark = [pytest.mark.faults, pytest.mark.slow]

#: seconds for which every process that takes the stage dies: two or three times
DYING = 3.0
STAGES = ("start", "data", "challenger", "compare", "promote")


def run_of(tenant_id, retraining_id):
    with reading(tenant_id) as session:
        return retrainings.require(session, tenant_id, retraining_id=retraining_id)


def promotions(tenant_id):
    """The champion, and how often one was promoted."""
    with reading(tenant_id) as session:
        changes = history.changes(session, tenant_id, kind="lead_score")
        champion = models.champion_version(session, tenant_id, kind="lead_score")
    return champion, [change.change for change in changes].count("promotion")


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_stage_leaves_the_champion_and_the_run_ends_once(site, stage):
    tenant_id = site.tenant()
    leads = [closed(number) for number in range(400)]
    site.call("hearth.leads.upsert", "ingest", tenant_id=tenant_id, leads=leads)
    kill = site.home / "kill"
    kill.write_text(f"hearth.models.retrain_{stage}")
    try:
        answer = site.call("hearth.models.retrain", "training", tenant_id=tenant_id, kinds=["lead_score"])
        (run,) = answer["data"]["runs"]
        time.sleep(DYING)
        assert promotions(tenant_id) == (None, 0)
        assert run_of(tenant_id, run["retraining_id"]).state == "running"
    finally:
        kill.unlink(missing_ok=True)
    ended = wait_until(lambda: run_of(tenant_id, run["retraining_id"]).state != "running", 120)
    seen = run_of(tenant_id, run["retraining_id"])
    assert ended, seen
    assert seen.ended_at - seen.created_at < LONGEST
    assert seen.state == "promoted", seen.reason
    assert promotions(tenant_id) == (seen.version, 1)
