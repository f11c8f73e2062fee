"""A model whose sealed artifact was changed answers no more; the written scorecard does, and the log says why."""

from datetime import UTC, datetime

from sqlalchemy import update

from db.models import ModelVersion
from db.records import ModelDraft
from db.repositories.models import models
from db.session import EVERY_TENANT, transaction
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.tenants import configure


def test_a_broken_artifact_falls_back_to_the_scorecard(database, capfd):
    now = datetime.now(UTC)
    configure(tenant_id="acme")
    lead_id = upsert(tenant_id="acme", leads=[{"external_id": "x1", "opt_in_call": True}])["data"]["lead_ids"][0]
    facts = {"metrics": {}, "report": {}, "rows": 2, "trained_at": now, "feature_schema": "1"}
    draft = ModelDraft(kind="lead_score", scope="tenant", artifact=b"{}", fingerprint="f", **facts)
    with transaction(EVERY_TENANT) as session:
        model = models.add(session, "acme", draft=draft)
        models.promote(session, "acme", model_id=model.model_id, now=now)
        session.execute(update(ModelVersion).values(artifact=b"\x01" + bytes(40)))
    answer = score(tenant_id="acme", lead_id=lead_id)
    assert (answer["status"], answer["model"]["scope"]) == ("ok", "scorecard")
    assert "artifact_refused" in "".join(capfd.readouterr())
