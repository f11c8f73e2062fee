"""The leads that benchmarks run on: files of the simulated brokerage, and a scorer fitted on them."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from benchmarks.harness import ROOT, SEED, Site
from db.records import ModelDraft
from db.repositories.leads import leads
from db.repositories.models import models
from db.session import EVERY_TENANT, reading, transaction
from ml import artifacts
from ml.features import SCHEMA_VERSION, extract
from ml.leads import LeadScorer
from ml.profiles import LeadProfile

#: "today" of the simulated files: long past on every clock, so that no row lies in the future
MOMENT = datetime(2025, 6, 1, tzinfo=UTC)
NUMBERS = (
    "emails_sent", "emails_opened", "emails_clicked", "sms_in", "sms_out", "calls", "listing_views", "saved_listings",
    "saved_searches", "searches", "showings", "offers", "site_visits", "budget_min", "budget_max", "deal_value",
    "beds_min", "baths_min",
)  # fmt: skip
TIMES = ("last_activity_at", "last_contacted_at", "last_replied_at", "stage_changed_at")
TEXTS = ("lead_type", "source", "campaign", "stage", "timeline", "preapproval", "property_type", "state", "timezone")
CUSTOM = ("Commute minutes", "Pool wanted", "Lender partner")

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file of leads and how a bare script reads it."""

    path: Path
    delimiter: str
    profile: Callable[[Row], LeadProfile]
    label: Callable[[Row], bool | None]


def write(folder: Path, rows: int) -> Table:
    """A file of simulated leads in `folder`."""
    path = folder / f"simulated-{rows}.csv"
    asked = ("--seed", str(SEED), "--leads", str(rows), "--now", MOMENT.isoformat(), "--out", str(path))
    subprocess.run([sys.executable, str(ROOT / "examples" / "generate.py"), *asked], check=True, capture_output=True)
    return Table(path=path, delimiter=",", profile=profile_of, label=label_of)


def number(cell: str) -> float | None:
    """A cell's number; None when it holds none."""
    try:
        return float(cell)
    except ValueError:
        return None


def profile_of(row: Row) -> LeadProfile:
    """A row of a simulated file, read as simply as it can be."""
    counted = {name: number(row[name]) for name in NUMBERS}
    return LeadProfile(
        lead_id=row["external_id"],
        as_of=_moment(row["as_of"]) or MOMENT,
        created_at=_moment(row["created_at"]),
        numbers={name: value for name, value in counted.items() if value is not None},
        times={name: at for name in TIMES if (at := _moment(row[name])) is not None},
        custom={name: value(row[name]) for name in CUSTOM if row[name]},
        **{name: row[name] or None for name in TEXTS},  # type: ignore[arg-type]
    )


def label_of(row: Row) -> bool | None:
    """Whether the lead converted; None while it is open."""
    return None if not row["label"] else row["label"] == "1"


def value(cell: str) -> float | str:
    found = number(cell)
    return cell if found is None else found


def _moment(cell: str) -> datetime | None:
    return datetime.fromisoformat(cell) if cell else None


def fit(table: Table, *, most: int = 4000) -> LeadScorer:
    """A scorer that has learnt the first `most` labelled rows."""
    with table.path.open(encoding="utf-8", newline="") as lines:
        known = [row for row in csv.DictReader(lines, delimiter=table.delimiter) if table.label(row) is not None]
    labels = [bool(table.label(row)) for row in known[:most]]
    return LeadScorer().fit(extract([table.profile(row) for row in known[:most]]), labels, seed=SEED)


def tenant(site: Site, scorer: LeadScorer) -> str:
    """A new tenant whose champion is this scorer."""
    tenant_id = f"bench-{uuid4().hex[:12]}"
    site.call("hearth.tenants.configure", tenant_id=tenant_id, settings={})
    now = datetime.now(UTC)
    draft = ModelDraft(
        kind="lead_score",
        scope="tenant",
        artifact=artifacts.dump(scorer),
        feature_schema=SCHEMA_VERSION,
        metrics={},
        report={},
        rows=0,
        fingerprint="benchmark",
        trained_at=now,
    )
    with transaction(EVERY_TENANT) as session:
        record = models.add(session, tenant_id, draft=draft)
        models.promote(session, tenant_id, model_id=record.model_id, now=now)
    return tenant_id


def lead_ids(tenant_id: str) -> Sequence[str]:
    """All leads of a tenant, by id."""
    with reading(EVERY_TENANT) as session:
        return leads.ids(session, tenant_id)
