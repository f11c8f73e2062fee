"""An assessment reads a lead and its events once: later stages work from what its snapshot holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from db.models import Prediction, RiskCheck, Snapshot
from db.repositories.predictions import assessments, predictions, snapshots
from db.session import EVERY_TENANT, reading, transaction
from tasks import pipelines
from tasks.churn import churn_stage
from tasks.leads.assessment_stages import score_stage, snapshot_stage, urgency_stage
from tasks.leads.rescoring import rescore
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.outcomes import record
from tasks.services.leads import profiles
from tasks.system import purge
from tasks.tenants import configure
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

T = "acme"
NOW = datetime.now(UTC)


def ago(days: float) -> str:
    return (NOW - timedelta(days=days)).isoformat()


@pytest.fixture
def lead_ids(database: str) -> list[str]:
    """Two leads with fields, columns of the tenant's own and events."""
    configure(tenant_id=T)
    leads = [
        {
            "external_id": f"L{number}",
            "lead_type": "buyer",
            "stage": "new",
            "created_at": ago(40),
            "last_contacted_at": ago(20 + number),
            "stage_changed_at": ago(12.5),
            "budget_max": 612_345.67,
            "tags": ["garden", "quiet"],
            "custom": {"Pool": "yes", "Rooms": 4},
            "showings": 1,
        }
        for number in range(2)
    ]
    ids: list[str] = upsert(tenant_id=T, leads=leads)["data"]["lead_ids"]
    outcomes = [
        {"subject": {"lead_id": lead_id}, "type": kind, "at": ago(at)}
        for lead_id in ids
        for kind, at in (("replied", 9.25), ("showing", 3))
    ]
    record(tenant_id=T, outcomes=outcomes)
    return ids


def started(lead_ids: list[str], as_of: datetime = NOW) -> dict[str, str]:
    """Begin an assessment whose snapshots are taken."""
    with transaction(T) as session:
        run = assessments.create(
            session,
            T,
            lead_ids=lead_ids,
            as_of=as_of,
            due_at=NOW + timedelta(minutes=1),
            stages=["snapshot", *pipelines.STAGES],
            now=NOW,
        )
    call = {"tenant_id": T, "assessment_id": run.assessment_id}
    assert snapshot_stage(**call)["data"]["state"] == "ok"
    return call


def finished(call: dict[str, str]) -> dict[str, list[tuple[str, float | None, str | None, Mapping[str, Any]]]]:
    """Run the later stages; return what they stored, by kind."""
    for stage in pipelines.STAGES.values():
        assert stage(**call)["data"]["state"] == "ok"
    assert pipelines.finish(**call)["status"] == "ok"
    with reading(T) as session:
        return {
            kind: [
                (row.lead_id, row.probability, row.band, row.detail)
                for row in predictions.latest(session, T, kind=kind)
            ]
            for kind in ("lead_score", "churn", "urgency")
        }


def change_profiles(**values: Any) -> None:
    with transaction(EVERY_TENANT) as session:
        session.execute(update(Snapshot).values(**values))


def profiles_stored() -> int:
    with reading(EVERY_TENANT) as session:
        return sum(value is not None for value in session.scalars(select(Snapshot.profile)))


def test_later_stages_read_neither_leads_nor_events(lead_ids: list[str]) -> None:
    call = started(lead_ids)
    for stage in (score_stage, churn_stage, urgency_stage):
        with counted() as statements:
            assert stage(**call)["data"]["state"] == "ok"
        assert not [text for text in statements if "FROM events" in text], stage.name
        # the status alone looks at a word of the fields; whoever reads a lead reads its own attributes too
        assert not [text for text in statements if "leads.custom" in text], stage.name


def test_the_stages_say_the_same_as_when_they_read_the_leads_again(lead_ids: list[str]) -> None:
    call = started(lead_ids)
    with_profiles = finished(call)
    assert all(len(rows) == 2 for rows in with_profiles.values())
    with transaction(EVERY_TENANT) as session:
        session.execute(delete(Prediction))
    change_profiles(profile=None)
    assert finished(started(lead_ids)) == with_profiles


def test_a_snapshot_of_a_worker_from_before_has_no_profile_and_its_lead_is_read_again(lead_ids: list[str]) -> None:
    call = started(lead_ids)
    change_profiles(profile=None)
    with counted() as statements:
        assert all(len(rows) == 2 for rows in finished(call).values())
    assert [text for text in statements if "FROM events" in text]
    assert [text for text in statements if "leads.fields" in text]


def test_an_earlier_snapshot_of_an_unchanged_lead_does_not_stand_in_for_now(lead_ids: list[str]) -> None:
    score(tenant_id=T, lead_ids=lead_ids)
    call = started(lead_ids, as_of=datetime.now(UTC))
    assert profiles_stored() == 0
    assert all(len(rows) == 2 for rows in finished(call).values())


def test_who_refuses_after_the_snapshot_gets_no_risk_and_is_looked_at_at_once(lead_ids: list[str]) -> None:
    call = started(lead_ids)
    refused, other = lead_ids
    external_id = "L0"
    upsert(tenant_id=T, leads=[{"external_id": external_id, "dnd_call": True, "dnd_sms": True, "dnd_email": True}])
    assert churn_stage(**call)["data"]["state"] == "ok"
    with reading(T) as session:
        assert {row.lead_id for row in predictions.latest(session, T, kind="churn")} == {other}
        due = {check.lead_id: check.due_at for check in session.scalars(select(RiskCheck))}
    assert due[refused] <= datetime.now(UTC)


def test_what_comes_back_is_what_was_read(lead_ids: list[str]) -> None:
    with reading(T) as session:
        stored = profiles.load(session, T, lead_ids, NOW)
    for lead in stored:
        assert len(lead.profile.interactions) == 2
        encoded = profiles.encode_profile(lead.profile)
        assert profiles.decode_profile(json.loads(json.dumps(encoded))) == lead.profile
        assert profiles.decode_profile(encoded | {"format": 0}) is None, "another version's"
    assert profiles.decode_profile(None) is None


def test_profiles_are_purged_soon_and_features_stay(lead_ids: list[str]) -> None:
    started(lead_ids, as_of=NOW - timedelta(hours=2))
    assert profiles_stored() == 2
    assert purge()["data"]["profiles"] == 2
    assert profiles_stored() == 0
    with reading(T) as session:
        ids = list(session.scalars(select(Snapshot.snapshot_id)))
        taken = snapshots.get(session, T, snapshot_ids=ids, with_profiles=True)
    assert [(bool(one.features), one.profile) for one in taken] == [(True, None)] * 2


def test_a_live_score_reads_a_lead_once_and_leaves_no_profile(lead_ids: list[str]) -> None:
    with counted() as statements:
        assert rescore(tenant_id=T)["data"]["scored"] == 2
    # the tenant's first count of replies, once for all its leads, reads the newest of every lead
    of_leads = [text for text in statements if "events.facts" in text and "lower(events.kind)" not in text]
    assert ["events.text" in text for text in of_leads] == [True, False], "messages that nobody read yet, what happened"
    assert sum("events.text" in text for text in statements) == 1
    assert profiles_stored() == 0
