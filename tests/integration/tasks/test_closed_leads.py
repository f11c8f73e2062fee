"""An export with close dates trains, and its preview, its import, readiness and training say the same numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from db.repositories.leads import leads
from db.repositories.models import models
from db.session import reading
from ml.features import extract
from ml.training.evaluation import auc
from tasks.backfill import finish, import_chunk, start
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.models import train_model
from tasks.outcomes import record
from tasks.privacy.rights import restrict
from tasks.services.leads import profiles
from tasks.services.models import lead_training_data, model_registry
from tasks.services.models.model_kinds import LEAD_SCORE
from tasks.tenants import configure, readiness
from tests.support import exports
from tests.support.training import NOW, lead

pytestmark = pytest.mark.usefixtures("live_broker", "database", "workspace_folder")

PEOPLE = exports.people(820, seed=5)
CLOSED = [person for person in PEOPLE if person.closed_at is not None]
#: words of this account that no profile knows
STATUSES = {
    "column": "Lead Status",
    "positive": ["Connected"],
    "negative": ["Unqualified"],
    "open": ["In Progress"],
}


def loaded(tenant, path, **options):
    """The result of a preview and that of an import, step by step as workers take them."""
    configure(tenant_id=tenant)
    shown = start(tenant_id=tenant, uri=str(path), mode="preview", **options)["data"]
    job_id = start(tenant_id=tenant, uri=str(path), **options)["data"]["job_id"]
    for number in range(-(-shown["rows"]["read"] // 1000)):
        import_chunk(tenant_id=tenant, backfill_id=job_id, number=number)
    finish(tenant_id=tenant, backfill_id=job_id)
    return shown, start(tenant_id=tenant, uri=str(path), **options)["data"]


def champion_report(tenant):
    with reading(tenant) as session:
        return models.champion(session, tenant, kind="lead_score").report


def open_scores(tenant):
    """Scores of the leads that were open, by the number of the person, as of the export."""
    with reading(tenant) as session:
        champion = model_registry.champion(session, tenant, {}, LEAD_SCORE)
        views = leads.scoring_views(session, tenant, lead_ids=leads.ids(session, tenant, status="open"))
        moments = {view.lead_id: view.observed_at for view in views}
        matrix = extract(profiles.load_profiles(session, tenant, views, moments))
        known = leads.external_ids(session, tenant, lead_ids=[view.lead_id for view in views])
    numbers = [int("".join(filter(str.isdigit, known[view.lead_id]))) % 9000 for view in views]
    scores = [score.probability for score in champion.scorer.score(matrix, explain=0)]
    return dict(zip(numbers, scores, strict=True))


@pytest.mark.parametrize(
    ("rows", "mapping", "stamped"),
    [
        (exports.hubspot, {"label": STATUSES}, {"last_activity_at"}),
        (exports.highlevel, {}, {"stage_changed_at"}),
    ],
)
def test_an_export_with_close_dates_trains_and_all_steps_tell_the_same(tmp_path, rows, mapping, stamped):
    shown, imported = loaded("acme", exports.write(tmp_path / "leads.csv", rows(PEOPLE)), mapping=mapping)
    won = sum(person.won for person in CLOSED)
    usable = {"won": won, "lost": len(CLOSED) - won, "left_out": {}}
    ready = readiness(tenant_id="acme")["data"]
    assert shown["usable"] == imported["usable"] == ready["usable"] == usable
    assert ready["answers"]["lead_score"]["missing"] == {}
    trained = train_model(tenant_id="acme", kind="lead_score")["data"]
    assert trained["promoted"], trained["reason"]
    assert (trained["rows"], trained["left_out"], trained["missing"]) == (len(CLOSED), {}, {})
    report = champion_report("acme")
    assert report["closed"] == {"won": won, "lost": len(CLOSED) - won, "usable": len(CLOSED), "left_out": {}}
    assert report["observed"] == {"before": 0, "same_moment": 0, "after": len(CLOSED)}
    assert set(report["stamped_later"]) == stamped
    assert report["dropped"]["age_days"] == "counts the days to the end"
    assert not {"age_days", "silence_days", "contact_days", "stage_days", "stage"} & set(report["features"])
    # as near to the truth as the facts of an export come, and never beyond it
    truth = auc(np.array([p.won for p in CLOSED]), np.array([p.chance for p in CLOSED]))
    assert truth - 0.12 < trained["metrics"]["auc"] < truth + 0.03
    scores = open_scores("acme")
    still_open = {p.number: p for p in PEOPLE if p.closed_at is None}
    assert scores.keys() == still_open.keys()
    chances = [still_open[number].chance for number in scores]
    assert np.corrcoef(list(scores.values()), chances)[0, 1] > 0.6
    assert 0.1 < np.std(list(scores.values())) < 0.3


def test_half_an_export_with_dates_teaches_nothing_by_who_has_them(tmp_path):
    """Only the won have a date: the days since anything are counted to another moment for them, and are left out."""
    rows = exports.hubspot(PEOPLE)
    rows = [row | {"Close Date": ""} if row["Lead Status"] == "Unqualified" else row for row in rows]
    _, imported = loaded("acme", exports.write(tmp_path / "leads.csv", rows), mapping={"label": STATUSES})
    trained = train_model(tenant_id="acme", kind="lead_score")["data"]
    won = sum(person.won for person in CLOSED)
    assert imported["usable"] == {"won": won, "lost": len(CLOSED) - won, "left_out": {}}
    assert trained["rows"] == len(CLOSED)
    report = champion_report("acme")
    assert report["observed"] == {"before": 0, "same_moment": len(CLOSED) - won, "after": won}
    truth = auc(np.array([p.won for p in CLOSED]), np.array([p.chance for p in CLOSED]))
    assert trained["metrics"]["auc"] < truth + 0.03
    assert (
        np.corrcoef(*zip(*[(score, PEOPLE[n].chance) for n, score in open_scores("acme").items()], strict=True))[0, 1]
        > 0.6
    )


def test_what_cannot_be_learnt_from_is_told_with_the_reason(tmp_path):
    rows = exports.hubspot(CLOSED[:40])
    rows = [row | {"Create Date": "2026-11-01", "Close Date": "2026-10-01"} for row in rows]
    shown, imported = loaded("acme", exports.write(tmp_path / "leads.csv", rows), mapping={"label": STATUSES})
    ready = readiness(tenant_id="acme")["data"]
    nothing = {"won": 0, "lost": 0, "left_out": {"closed_before_created": 40}}
    assert shown["usable"] == imported["usable"] == ready["usable"] == nothing
    answer = train_model(tenant_id="acme", kind="lead_score")
    assert answer["status"] == "insufficient_data"
    assert answer["data"]["left_out"] == nothing["left_out"]
    assert answer["data"]["missing"] == ready["answers"]["lead_score"]["missing"]
    assert answer["data"]["reason"].endswith(
        "0 of 40 closed leads can be learnt from: 40 closed before they were created"
    )


def test_a_lead_that_was_scored_while_open_was_seen_before_its_end_and_a_restricted_one_teaches_nothing():
    configure(tenant_id="acme")
    sent = [lead(number, created_at=(NOW - timedelta(days=40)).isoformat()) for number in range(4)]
    lead_ids = upsert(tenant_id="acme", leads=sent)["data"]["lead_ids"]
    for lead_id in lead_ids[:2]:
        score(tenant_id="acme", lead_id=lead_id)
    ended = datetime.now(UTC)
    told = [{"subject": {"lead_id": lead_id}, "type": "won", "at": ended.isoformat()} for lead_id in lead_ids]
    record(tenant_id="acme", outcomes=told)
    # all are observed once more, after their end
    upsert(tenant_id="acme", leads=[one | {"source": "portal"} for one in sent])
    restrict(tenant_id="acme", lead_id=lead_ids[3], restricted=True, actor="ada.quill")
    usable = readiness(tenant_id="acme")["data"]["usable"]
    assert usable == {"won": 3, "lost": 0, "left_out": {"blocked": 1}}
    answer = train_model(tenant_id="acme", kind="lead_score")["data"]
    assert (answer["rows"], answer["usable"], answer["left_out"]) == (3, usable, {"blocked": 1})
    with reading("acme") as session:
        rows = lead_training_data.rows_of(session, "acme", None)
    assert {lead_id: row.observed for lead_id, row in rows.by_lead.items()} == {
        lead_ids[0]: "before",
        lead_ids[1]: "before",
        lead_ids[2]: "after",
    }
    assert [rows.by_lead[lead_id].features["source"] for lead_id in lead_ids[:3]] == [None, None, "portal"]
