"""An export with close dates trains, and its preview, its import, readiness and training say the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from db.repositories.leads import leads
from db.repositories.models import models
from db.session import reading
from ml.features import extract
from ml.training.evaluation import auc
from tasks.backfill import finish, import_chunk, start
from tasks.models import train_model
from tasks.services.leads import profiles
from tasks.services.models import model_registry
from tasks.services.models.model_kinds import LEAD_SCORE
from tasks.tenants import configure, readiness
from tests.support import exports

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
NO_DATES = ["Close Date", "Last Status Change Date"]


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



import tomllib
from pathlib import Path
from tasks.services.models import lead_training_data as ltd
from db.repositories.leads import leads as L
def test_zz(tmp_path):
    import shutil
    mapping = tomllib.loads(Path("examples/mappings/bank_marketing.toml").read_text())
    dst = tmp_path / "bank.csv.gz"; shutil.copy("/work/shared/data/leads_bank_marketing/bank-additional-full.csv.gz", dst)
    shown, imported = loaded("acme", dst, mapping=mapping)
    with reading("acme") as session:
        new = ltd.rows_of(session, "acme", None)
        records = [r for r in L.labelled(session, "acme") if r.label_at is None or r.observed_at <= r.label_at]
        old = extract(profiles.load_profiles(session, "acme", records, {r.lead_id: r.observed_at for r in records})).to_rows()
    rows = list(new.by_lead.values())
    print("ZZ n", len(rows), len(records), imported["usable"])
    pairs = sorted(zip([r.lead_id for r in records], old), key=lambda p: p[0])
    diff = [(x.features, y) for x, (_, y) in zip(rows, pairs) if x.features != y]
    print("ZZ diff", len(diff), {k: (a.get(k), b.get(k)) for a, b in diff[:1] for k in a.keys() | b.keys() if a.get(k) != b.get(k)})
    print("ZZ withheld", ltd.withheld(ltd.matrix_of(rows), new), ltd.facts(rows, new.usable)["observed"])
