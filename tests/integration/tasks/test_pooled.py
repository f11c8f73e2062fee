"""A model that several tenants agreed to be learnt from: it serves them, and tells none of another."""

from __future__ import annotations

import json
from typing import Any

import pytest

from db.repositories import tenants
from db.repositories.models import lineage, models, pooled_models
from db.session import EVERY_TENANT, reading, transaction
from ml import artifacts
from tasks.leads.history import history
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.models import train_model
from tasks.services.leads.explanation import explain_prediction
from tasks.services.models import model_registry
from tasks.services.models.model_kinds import LEAD_SCORE
from tasks.tenants import configure, readiness
from tests.support.training import NOW, closed, lead

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

SECRET = "secretsource"
OWNER = pooled_models.owner(pooled_models.VERTICAL)


@pytest.fixture
def members(database: str) -> list[str]:
    """Three tenants that share, each with a source, a campaign and a column of its own."""
    names = ["acme", "brook", "cedar"]
    for name in names:
        configure(tenant_id=name, settings={"pool": "share"})
        own = {
            "source": f"{SECRET} {name}",
            "campaign": f"{SECRET} {name}",
            "custom": {f"{SECRET} {name}": f"{SECRET}"},
        }
        upsert(tenant_id=name, leads=[closed(number) | own for number in range(150)])
    return names


def trained(tenant: str = "acme", **more: object) -> dict[str, Any]:
    data: dict[str, Any] = train_model(tenant_id=tenant, kind="lead_score", scope="pooled", **more)["data"]
    return data


def test_a_shared_model_serves_who_has_none_and_is_explained(members: list[str]) -> None:
    told = trained()
    assert told["promoted"], told["reason"]
    assert (told["rows"], told["version"]) == (450, "pooled.residential:lead_score-0001")
    configure(tenant_id="new")
    lead_id = upsert(tenant_id="new", leads=[lead(1, showings=3)])["data"]["lead_ids"][0]
    answer = score(tenant_id="new", lead_id=lead_id)
    assert (answer["model"]["scope"], answer["model"]["version"]) == ("pooled", told["version"])
    point = history(tenant_id="new", lead_id=lead_id)["data"]["points"][0]
    with reading(EVERY_TENANT) as session:
        found = explain_prediction(session, "new", point["prediction_id"])
    assert found is not None
    assert found.reproduced
    ladder = {
        step["rung"]: step["serves"] for step in readiness(tenant_id="new")["data"]["answers"]["lead_score"]["ladder"]
    }
    assert ladder == {"tenant": False, "pooled": True, "scorecard": False}
    configure(tenant_id="new", settings={"pool": "off"})
    assert score(tenant_id="new", lead=lead(2))["model"]["scope"] == "scorecard"


def test_nothing_of_one_tenant_is_told_to_another(members: list[str]) -> None:
    trained()
    with reading(EVERY_TENANT) as session:
        record = models.champion(session, OWNER, kind="lead_score")
        champion = model_registry.champion(session, "cedar", {"pool": "use"}, LEAD_SCORE)
    assert record is not None
    whole = record.artifact.decode() + json.dumps(record.report, default=str)
    assert SECRET not in whole
    assert not any(name in whole for name in members)
    told = score(tenant_id="cedar", lead=lead(3, source=f"{SECRET} acme", custom={f"{SECRET} acme": SECRET}))
    assert SECRET not in json.dumps(told["data"])
    assert champion.scope == "pooled"


def test_the_same_data_trains_once_whoever_of_them_asks(members: list[str]) -> None:
    first, second = trained(), trained("brook")
    assert (second["version"], second["promoted"]) == (first["version"], True)
    assert second["reason"].startswith("the same data was trained before: ")


def test_who_has_not_agreed_is_not_learnt_from_and_may_not_ask(members: list[str]) -> None:
    configure(tenant_id="cedar", settings={"pool": "use"})
    assert trained()["missing"] == {"tenants": 1}
    refused = trained("cedar")
    assert refused["version"] is None
    assert "agreed" in refused["reason"]


def test_a_forgotten_lead_marks_the_shared_model_for_retraining(members: list[str]) -> None:
    trained()
    with transaction(EVERY_TENANT) as session:
        lead_ids = upsert(tenant_id="acme", leads=[closed(0)])["data"]["lead_ids"]
        assert len(lineage.models_trained_on(session, "acme", lead_ids=lead_ids)) == 1
        assert lineage.models_trained_on(session, "brook", lead_ids=lead_ids) == []
        marked = lineage.forget(session, "acme", lead_ids=lead_ids, now=NOW)
        assert marked == (f"{OWNER}:lead_score-0001",)
        assert lineage.models_trained_on(session, "acme", lead_ids=lead_ids) == []
        record = models.champion(session, OWNER, kind="lead_score")
    assert record is not None
    assert record.retrain_at == NOW
    assert artifacts.load(record.artifact).kind == "lead_score"


def test_the_owner_is_no_tenant_that_a_schedule_or_a_message_could_name(members: list[str]) -> None:
    trained()
    with reading(EVERY_TENANT) as session:
        assert tenants.ids(session) == members
        assert tenants.get(session, OWNER) is not None
