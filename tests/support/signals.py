"""A tenant with leads whose snapshots were scored and whose outcomes came, for tests of online learning."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from db.records import LeadDraft, SignalDraft, SnapshotDraft
from db.repositories import tenants
from db.repositories.leads import leads
from db.repositories.online import signals
from db.repositories.predictions import snapshots
from db.session import EVERY_TENANT, transaction
from domain.targets import Target

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def features(number: int) -> dict[str, float | str | None]:
    """The features of the lead with this number, which alone decide them."""
    draw = random.Random(number)
    return {
        "showings": float(draw.randrange(6)),
        "replies": draw.random(),
        "stage": draw.choice(["new", "engaged", "viewing"]),
        "budget": None if draw.random() < 0.3 else round(draw.uniform(2, 9), 3),
    }


def label(number: int) -> bool:
    """What became of the lead: mostly what its features say."""
    draw = random.Random(-number - 1)
    return (float(features(number)["showings"] or 0) >= 3) != (draw.random() < 0.15)


def make_tenant(tenant_id: str) -> str:
    with transaction(EVERY_TENANT) as session:
        tenants.configure(session, tenant_id, settings={"zone": "UTC"}, actor="test", now=START)
    return tenant_id


def make_leads(tenant_id: str, numbers: Sequence[int]) -> list[str]:
    """Store leads; returns their ids."""
    drafts = [LeadDraft(external_id=f"x{number}") for number in numbers]
    with transaction(tenant_id) as session:
        found = leads.upsert(session, tenant_id, drafts=drafts, policy="fill_blanks", now=START)
    return [str(result.lead_id) for result in found]


def take_snapshots(tenant_id: str, lead_ids: Sequence[str], numbers: Sequence[int]) -> list[str]:
    """Store a snapshot of each lead; returns their ids."""
    drafts = [
        SnapshotDraft(
            lead_id=lead_id,
            lead_version=1,
            as_of=START + number * HOUR,
            bucket=START + number * HOUR,
            feature_schema="1",
            features=features(number),
        )
        for lead_id, number in zip(lead_ids, numbers, strict=True)
    ]
    with transaction(tenant_id) as session:
        return snapshots.save(session, tenant_id, drafts=drafts)


def draft(lead_id: str, snapshot_id: str, number: int, target: Target = "reply") -> SignalDraft:
    return SignalDraft(
        target=target,
        lead_id=lead_id,
        snapshot_id=snapshot_id,
        label=label(number),
        origin="outcome",
        occurred_at=START + (number + 1) * HOUR,
        as_of=START + number * HOUR,
        served_probability=0.25,
        served_version="scorecard-1",
    )


def store(tenant_id: str, drafts: Sequence[SignalDraft], now: datetime | None = None) -> None:
    with transaction(tenant_id) as session:
        signals.add(session, tenant_id, drafts=drafts, now=now or datetime.now(UTC))


def tell(tenant_id: str, numbers: Sequence[int], *, target: Target = "reply") -> list[str]:
    """Store leads, their snapshots and what became of them; returns the leads' ids."""
    lead_ids = make_leads(tenant_id, numbers)
    taken = take_snapshots(tenant_id, lead_ids, numbers)
    drafts = [
        draft(lead_id, snapshot_id, number, target)
        for lead_id, snapshot_id, number in zip(lead_ids, taken, numbers, strict=True)
    ]
    store(tenant_id, drafts)
    return lead_ids
