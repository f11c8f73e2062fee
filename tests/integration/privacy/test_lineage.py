"""A model remembers, in a form that names nobody, of whom it learnt; who is forgotten marks it for retraining."""

from datetime import timedelta

import pytest

from db.records import ModelDraft
from db.repositories.leads import leads
from db.repositories.models import lineage, models
from db.session import EVERY_TENANT, reading, transaction
from tasks.leads.upsert import upsert
from tasks.models import train_model
from tasks.privacy.rights import forget, restrict
from tests.support.privacy import NOW


def closed(number):
    won = (number * 7919) % 10 < (6 if number % 2 else 2)
    return {
        "external_id": f"L{number}",
        "email": f"l{number}@example.com",
        "lead_type": "buyer",
        "created_at": (NOW - timedelta(days=40)).isoformat(),
        "as_of": (NOW - timedelta(days=2)).isoformat(),
        "showings": 3 if number % 2 else 0,
        "label": won,
        "label_at": (NOW - timedelta(days=1)).isoformat(),
    }


def marked(tenant):
    with reading(EVERY_TENANT) as session:
        return {model.version: model.retrain_at is not None for model in models.versions(session, tenant)}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_champion_that_learnt_from_somebody_forgotten_is_replaced(tenant):
    ids = upsert(tenant_id=tenant, leads=[closed(number) for number in range(300)])["data"]["lead_ids"]
    assert train_model(tenant_id=tenant, kind="lead_score")["data"]["promoted"]
    restrict(tenant_id=tenant, lead_id=ids[1], restricted=True)
    assert forget(tenant_id=tenant, lead_id=ids[0])["data"]["models"] == ["lead_score-0001"]
    assert marked(tenant) == {"lead_score-0001": True}
    again = train_model(tenant_id=tenant, kind="lead_score")["data"]
    assert (again["rows"], again["promoted"]) == (298, True), again["reason"]
    assert marked(tenant) == {"lead_score-0001": True, "lead_score-0002": False}
    with reading(EVERY_TENANT) as session:
        assert lineage.models_trained_on(session, tenant, lead_ids=[ids[1]]), "before it was restricted"
        assert not lineage.models_trained_on(session, tenant, lead_ids=[ids[0]]), "its hash is gone as well"


def test_a_lead_that_went_while_a_model_was_trained_on_it_marks_it(tenant, other):
    facts = {"metrics": {}, "report": {}, "rows": 2, "trained_at": NOW, "feature_schema": "1"}
    draft = ModelDraft(kind="lead_score", scope="tenant", artifact=b"{}", fingerprint="f", **facts)
    with transaction(EVERY_TENANT) as session:
        model = models.add(session, tenant, draft=draft)
        lineage.save(session, tenant, model_id=model.model_id, lead_ids=[other, "gone"], now=NOW)
        assert leads.exists(session, tenant, lead_id=other)
    assert marked(tenant) == {"lead_score-0001": True}
