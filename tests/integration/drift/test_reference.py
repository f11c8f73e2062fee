"""A training stores what later leads are compared with, and a check of the same leads finds the same population."""

import pytest

from db.repositories.models import models
from db.session import reading
from ml.monitoring.reference import KNOWN_OF, Reference
from tasks.drift import check
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.models import train_model
from tasks.tenants import configure
from tests.support.training import closed, lead

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")
T = "reference"


@pytest.fixture
def trained(database):
    configure(tenant_id=T, settings={"timezone": "America/New_York"})
    upsert(tenant_id=T, leads=[closed(number) for number in range(400)])
    return train_model(tenant_id=T, kind="lead_score")["data"]


def test_it_is_of_the_rows_and_columns_that_were_learnt_from(trained):
    with reading(T) as session:
        record = models.get(session, T, version=trained["version"])
    assert record is not None
    reference = Reference.from_json(record.report["reference"])
    assert reference.rows == trained["rows"]
    assert set(reference.features) <= set(record.report["features"])
    assert reference.brier == pytest.approx(trained["metrics"]["brier"], abs=1e-6)
    named = [count for spread in reference.features.values() for count in spread.counts[: len(spread.levels)]]
    assert not named or min(named) >= KNOWN_OF, "a rare level could name a person"


def test_open_leads_are_compared_with_it(trained):
    assert trained["promoted"], trained["reason"]
    ids = upsert(tenant_id=T, leads=[lead(number) for number in range(1000, 1100)])["data"]["lead_ids"]
    score(tenant_id=T, lead_ids=ids)
    [found] = check(tenant_id=T, kinds=["lead_score"])["data"]["checks"]
    assert (found["version"], found["scored"]) == (trained["version"], 100)
    assert found["features"] > 0
    assert found["training"]["brier"] == pytest.approx(trained["metrics"]["brier"], abs=1e-6)
