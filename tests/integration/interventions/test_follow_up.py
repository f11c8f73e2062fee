"""What became of leads that were planned for, on both databases: settled once, measured, and acted on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.models import Enrolment
from db.records import EnrolmentDraft
from db.repositories.interventions import enrolments, pauses
from db.session import EVERY_TENANT, reading, transaction
from tasks.interventions.follow_up import follow_up, judge
from tasks.interventions.pauses import pause, resume
from tasks.leads.upsert import upsert
from tasks.outcomes import record
from tasks.privacy.rights import forget
from tasks.services.interventions import experiment
from tests.support.interventions import (
    DAY,
    NOON,
    T,
    at_risk,
    brokerage,
    happened,
    held_out_lead,
    only,
    planned,
    proofs,
    told,
    work_at,
)

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

TYPE = "proactive_outreach"


@pytest.fixture(autouse=True)
def tenant(database: str) -> None:
    brokerage()


def settled() -> dict[str, tuple[bool, str | None, str | None]]:
    """Arm, outcome and reason of each lead that is enrolled."""
    with reading(EVERY_TENANT) as session:
        ids = [row.lead_id for row in session.query(Enrolment).all()]
        found = enrolments.for_leads(session, T, experiment=experiment.EXPERIMENT, lead_ids=ids)
    return {lead_id: (one.held_out, one.outcome, one.reason) for lead_id, one in found.items()}


def ended(number: int, kind: str, at: datetime) -> None:
    record(tenant_id=T, outcomes=[{"subject": {"external_id": f"ct{number}"}, "type": kind, "at": at.isoformat()}])


def test_leads_are_settled_once_by_what_became_of_them() -> None:
    kept, cold, won, lost, out, young = (at_risk(number) for number in range(1, 7))
    planned(NOON, kept, cold, won, lost, out)
    planned(datetime.now(UTC), young)
    happened(1, "sms", NOON + 5 * DAY, "inbound", "Let us talk")
    ended(3, "won", NOON + 9 * DAY)
    ended(4, "lost", NOON + 9 * DAY)
    happened(5, "sms", NOON + 2 * DAY, "inbound", "STOP")
    assert follow_up()["data"] == {"settled": 5, "paused": 0}
    assert settled() == {
        kept: (False, "kept", None),
        cold: (False, "churned", "silence"),
        won: (False, "won", "won"),
        lost: (False, "churned", "lost"),
        out: (False, "churned", "unsubscribed"),
        young: (False, None, None),
    }
    assert only(proofs("enrolments_settled"))["leads"] == 5
    assert follow_up()["data"]["settled"] == 0, "once a day"


def test_who_was_held_out_is_judged_alike_and_who_was_never_contacted_was_neglected() -> None:
    came = (NOON - 2 * DAY).isoformat()
    given = {"external_id": "new", "source_system": "ghl", "stage": "new", "source": "Website", "lead_type": "buyer"}
    lead = {**given, "email": "new@example.com", "created_at": came, "as_of": came, "assigned_to": "user-1"}
    untouched = upsert(tenant_id=T, leads=[lead])["data"]["lead_ids"][0]
    brokerage(holdout=0.5)
    held = held_out_lead()
    planned(NOON, held)
    brokerage(holdout=0)
    planned(NOON, untouched)
    follow_up()
    assert settled() == {held: (True, "churned", "silence"), untouched: (False, "neglected", "silence")}


def test_that_an_action_was_answered_is_no_sign_that_who_is_held_out_could_not_give() -> None:
    reported, wrote = at_risk(1), at_risk(2)
    for number, found in enumerate(planned(NOON, reported, wrote), 1):
        told = {"subject": {"external_id": f"ct{number}"}, "type": "replied", "at": (NOON + 5 * DAY).isoformat()}
        record(tenant_id=T, outcomes=[told | {"action_id": only(found.actions).action_id}])
    happened(2, "sms", NOON + 5 * DAY, "inbound", "Let us talk")
    follow_up()
    assert settled() == {reported: (False, "churned", "silence"), wrote: (False, "kept", None)}


def test_who_is_forgotten_counts_for_nobody() -> None:
    lead_id = at_risk()
    planned(NOON, lead_id)
    forget(tenant_id=T, lead_id=lead_id)
    assert follow_up()["data"]["settled"] == 0
    with reading(EVERY_TENANT) as session:
        assert enrolments.tally(session, T, experiment=experiment.EXPERIMENT) == []


def measured(*, sent: tuple[int, int], held: tuple[int, int], intervention: str = TYPE) -> None:
    """Enrol and settle leads: how many of each arm, and how many of those were kept."""
    leads = [{"external_id": f"{intervention}{number}", "source_system": "ghl"} for number in range(sent[0] + held[0])]
    ids = upsert(tenant_id=T, leads=leads)["data"]["lead_ids"]
    drafts = [
        EnrolmentDraft(
            experiment=experiment.EXPERIMENT,
            lead_id=lead_id,
            held_out=index >= sent[0],
            propensity=0.5,
            intervention=intervention,
            action_id=f"{index:032x}",
            enrolled_at=NOON,
            due_at=NOON + 30 * DAY,
        )
        for index, lead_id in enumerate(ids)
    ]
    good = {*ids[: sent[1]], *ids[sent[0] : sent[0] + held[1]]}
    outcomes: dict[str, tuple[str, str | None]] = {
        lead_id: ("kept", None) if lead_id in good else ("churned", "silence") for lead_id in ids
    }
    with transaction(EVERY_TENANT) as session:
        enrolments.enrol(session, T, drafts=drafts)
        enrolments.close(session, T, experiment=experiment.EXPERIMENT, outcomes=outcomes, now=NOON + 30 * DAY)


def test_a_type_that_does_harm_is_paused_told_and_no_longer_proposed() -> None:
    lead_id = at_risk()
    measured(sent=(90, 10), held=(60, 50))
    later = NOON + 40 * DAY
    assert judge(work_at(later)) == [TYPE]
    assert judge(work_at(later)) == []
    event = only(told("intervention.paused"))
    assert (event["data"]["intervention"], event["data"]["reason"], event["data"]["by"]) == (TYPE, "harms", "hearth")
    assert (event["data"]["evidence"]["sent"], event["data"]["evidence"]["held_out"]) == (90, 60)
    assert event["data"]["evidence"]["interval"][1] < 0
    assert only(proofs("intervention_paused"))["reason"] == "harms"
    assert only(only(planned(NOON, lead_id)).actions).intervention != TYPE


def test_a_persons_word_that_a_type_goes_on_is_not_overruled_the_next_day() -> None:
    measured(sent=(90, 10), held=(60, 50))
    judge(work_at(datetime.now(UTC)))
    resume(tenant_id=T, intervention=TYPE, actor="ada.quill")
    assert judge(work_at(datetime.now(UTC) + DAY)) == []
    assert judge(work_at(datetime.now(UTC) + 31 * DAY)) == [TYPE]
    with reading(EVERY_TENANT) as session:
        assert pauses.active(session, T).keys() == {TYPE}


def test_a_pause_of_a_person_is_not_lifted_by_a_job() -> None:
    pause(tenant_id=T, intervention=TYPE, actor="ada.quill", reason="complaints")
    measured(sent=(90, 80), held=(60, 10))
    judge(work_at(NOON + 40 * DAY))
    with reading(EVERY_TENANT) as session:
        assert pauses.active(session, T)[TYPE].paused_by == "ada.quill"


def test_what_was_measured_is_told_with_its_interval_and_goes_first() -> None:
    lead_id = at_risk()
    [before] = only(planned(NOON, lead_id)).actions
    assert (before.evidence, before.detail["expected_uplift"]) == ("rule", None)
    measured(sent=(150, 120), held=(100, 30), intervention="relationship_rebuilding")
    other = at_risk(2)
    [action] = only(planned(NOON + timedelta(hours=1), other)).actions
    assert (action.intervention, action.evidence) == ("relationship_rebuilding", "model")
    uplift: dict[str, Any] = action.detail["expected_uplift"]
    assert 0 < uplift["low"] < uplift["estimate"] < uplift["high"]
    assert uplift["leads"] == 250
