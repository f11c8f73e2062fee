"""The reports on both databases: what was enrolled, settled, paused and judged, counted as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any

import jsonschema
import pytest

from db.records import EnrolmentDraft, InterventionDraft
from db.repositories.interventions import enrolments, interventions, pauses
from db.session import EVERY_TENANT, transaction
from tasks.contracts.base.request import ENVELOPE_SCHEMA
from tasks.errors import InvalidPayload
from tasks.interventions.report import LOPSIDED, report
from tasks.leads.overrides import override
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.outcomes import record
from tasks.reports import value_report
from tasks.services.interventions.experiment import EXPERIMENT
from tasks.tenants import configure

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
REPORT_KEYS = (
    *("tenant_id", "experiment", "share", "sent", "held_out", "settled", "rates", "difference", "interval"),
    *("detectable_effect", "weeks_needed", "verdict", "reason", "types", "actions", "plan"),
)
TYPE_KEYS = ("intervention", "sent", "held_out", "rates", "difference", "interval", "paused")
USE_KEYS = ("agent", "leads", "contacted", "executed", "rejected", "replied", "overrides", "marks")


@pytest.fixture
def tenant(database: str) -> str:
    configure(tenant_id="acme", settings={"timezone": "America/New_York"})
    return "acme"


@pytest.fixture
def leads(tenant: str) -> Iterator[str]:
    """Ids of leads, one after another."""
    rows = [{"external_id": f"L{number}", "lead_type": "buyer", "assigned_to": "ada.quill"} for number in range(260)]
    return iter(upsert(tenant_id=tenant, leads=rows)["data"]["lead_ids"])


def enrolled(
    tenant: str, leads: Iterator[str], name: str, ended: Sequence[tuple[bool, str | None, int]], share: float = 0.1
) -> None:
    """Leads of one type that were enrolled 40 days ago: held out?, outcome, how many."""
    began = NOW - 40 * DAY
    for held_out, outcome, number in ended:
        drafts = [
            EnrolmentDraft(
                experiment=EXPERIMENT,
                lead_id=lead_id,
                held_out=held_out,
                propensity=share if held_out else 1 - share,
                intervention=name,
                action_id=f"a-{lead_id}",
                enrolled_at=began,
                due_at=began + 30 * DAY,
            )
            for lead_id in islice(leads, number)
        ]
        with transaction(EVERY_TENANT) as session:
            enrolments.enrol(session, tenant, drafts=drafts)
            if outcome is not None:
                outcomes = {draft.lead_id: (outcome, None) for draft in drafts}
                enrolments.close(session, tenant, experiment=EXPERIMENT, outcomes=outcomes, now=NOW)


numbers = count()


def action(lead_id: str, state: Any, name: str = "proactive_outreach") -> InterventionDraft:
    return InterventionDraft(
        action_id=f"{next(numbers):032x}",
        lead_id=lead_id,
        prediction_id=None,
        intervention=name,
        action="call_task",
        channel="call",
        urgency="high",
        state=state,
        held_out=state == "held_out",
        propensity=0.9,
        cost=1.0,
        policy="1",
        reason_codes=("communication_gaps",),
        evidence="rule",
        requires_approval=False,
        decision={"decision": "allow", "rules": []},
        detail={"text": None, "crm": None, "expected_uplift": None},
        planned_at=NOW - DAY,
        not_before=NOW - DAY,
        expires_at=NOW + DAY,
    )


def reported(tenant: str) -> dict[str, Any]:
    answer: dict[str, Any] = report(tenant_id=tenant)["data"]
    return answer


def test_before_there_is_a_plan_the_report_says_what_to_do(tenant: str) -> None:
    answer = report(tenant_id=tenant)
    jsonschema.validate(answer, ENVELOPE_SCHEMA)
    told = answer["data"]
    assert (tuple(told), answer["status"]) == (REPORT_KEYS, "insufficient_data")
    assert (told["sent"], told["held_out"], told["types"], told["actions"]) == (0, 0, [], {})
    assert (told["difference"], told["interval"], told["verdict"]) == (None, None, "too_early")
    assert "hearth assess" in told["reason"]


def test_a_difference_stands_with_its_interval_and_what_could_be_seen(tenant: str, leads: Iterator[str]) -> None:
    enrolled(tenant, leads, "proactive_outreach", [(False, "kept", 60), (False, "won", 30), (False, "churned", 90)])
    enrolled(tenant, leads, "proactive_outreach", [(True, "kept", 8), (True, "neglected", 12), (True, "gone", 3)])
    enrolled(tenant, leads, "social_proof", [(False, None, 5), (True, None, 1)])
    told = reported(tenant)
    assert (told["sent"], told["held_out"]) == (185, 24)
    assert told["settled"] == {"sent": 180, "held_out": 20}
    assert told["rates"] == {"sent": 0.5, "held_out": 0.4}
    assert told["difference"] == pytest.approx(0.1)
    assert told["interval"][0] < 0 < told["difference"] < told["interval"][1]
    assert (told["verdict"], told["weeks_needed"] is None) == ("too_early", True)
    assert told["detectable_effect"] > 0.1
    outreach, proof = told["types"]
    assert tuple(outreach) == TYPE_KEYS
    assert (outreach["intervention"], outreach["sent"], outreach["rates"]) == ("proactive_outreach", 180, told["rates"])
    assert outreach["interval"][0] < outreach["difference"] < outreach["interval"][1]
    assert (proof["sent"], proof["held_out"], proof["difference"], proof["interval"]) == (5, 1, None, None)


def test_arms_of_several_shares_are_not_put_together(tenant: str, leads: Iterator[str]) -> None:
    enrolled(tenant, leads, "proactive_outreach", [(False, "kept", 90), (False, "churned", 45), (True, "kept", 15)])
    enrolled(tenant, leads, "proactive_outreach", [(False, "churned", 5), (True, "churned", 5)], share=0.5)
    told = reported(tenant)
    assert told["settled"] == {"sent": 135, "held_out": 15}
    assert told["rates"] == {"sent": pytest.approx(2 / 3), "held_out": 1.0}


def test_sides_that_chance_does_not_make_are_told_beside_the_verdict(tenant: str, leads: Iterator[str]) -> None:
    enrolled(tenant, leads, "proactive_outreach", [(False, "kept", 100), (True, "churned", 20)])
    answer = report(tenant_id=tenant)
    assert (answer["warnings"], LOPSIDED in answer["data"]["reason"]) == ([], False)
    enrolled(tenant, leads, "social_proof", [(True, "churned", 30)])
    answer = report(tenant_id=tenant)
    assert [warning["code"] for warning in answer["warnings"]] == ["sample_ratio"]
    assert LOPSIDED in answer["data"]["reason"]


def test_weeks_are_told_at_the_pace_of_the_last_ones(tenant: str, leads: Iterator[str]) -> None:
    soon = EnrolmentDraft(
        experiment=EXPERIMENT,
        lead_id=next(leads),
        held_out=False,
        propensity=0.9,
        intervention="social_proof",
        action_id="a",
        enrolled_at=NOW - DAY,
        due_at=NOW + 29 * DAY,
    )
    with transaction(EVERY_TENANT) as session:
        enrolments.enrol(session, tenant, drafts=[soon])
    told = reported(tenant)
    assert told["weeks_needed"] > 1000
    assert f"{told['weeks_needed']:.0f} more weeks" in told["reason"]


def test_a_paused_type_says_why_and_a_pause_of_all_is_said_of_each(tenant: str, leads: Iterator[str]) -> None:
    enrolled(tenant, leads, "incentive_offer", [(False, "churned", 3)])

    def pause(name: str, reason: str) -> None:
        with transaction(EVERY_TENANT) as session:
            pauses.pause(session, tenant, intervention=name, reason=reason, evidence={}, by="ada.quill", now=NOW)

    pause("social_proof", "harms")
    offer, proof = reported(tenant)["types"]
    assert (offer["paused"], proof["paused"]["reason"], proof["sent"]) == (None, "harms", 0)
    assert "Nothing is planned" not in reported(tenant)["reason"]
    pause("*", "legal")
    assert reported(tenant)["reason"].endswith("Nothing is planned or sent at present: every type is paused.")
    configure(tenant_id=tenant, settings={"interventions": {"kill_switch": True}})
    assert reported(tenant)["reason"].endswith("at present: the kill switch is on.")
    assert [one["paused"]["reason"] for one in reported(tenant)["types"]] == ["legal", "harms"]


def test_actions_are_counted_by_state_and_only_the_tenants_own(tenant: str, leads: Iterator[str]) -> None:
    with transaction(EVERY_TENANT) as session:
        drafts = [action(next(leads), state) for state in ("planned", "planned", "executed")]
        interventions.save(session, tenant, drafts=drafts)
    configure(tenant_id="other")
    assert "gates allowed no action" in reported(tenant)["reason"]
    assert reported(tenant)["actions"] == {"executed": 1, "planned": 2}
    assert reported("other")["actions"] == {}


def closed(number: int, kind: str) -> list[dict[str, Any]]:
    at = datetime.now(UTC).isoformat()
    return [{"subject": {"external_id": f"L{number}"}, "type": kind, "at": at}]


def test_leads_that_ended_are_counted_by_the_band_they_were_in_before(tenant: str, leads: Iterator[str]) -> None:
    lead_ids = [next(leads) for _ in range(3)]
    override(tenant_id=tenant, lead_id=lead_ids[0], band="hot", actor="ada.quill")
    said = [score(tenant_id=tenant, lead_id=lead_id)["data"]["lead"]["band"] for lead_id in lead_ids]
    assert said == ["cold"] * 3
    for number, kind in enumerate(("won", "lost")):
        record(tenant_id=tenant, outcomes=closed(number, kind))
    record(tenant_id=tenant, outcomes=closed(3, "won"))
    answer = value_report(tenant_id=tenant, days=7)
    hot, warm, cold = answer["data"]["bands"]
    assert [band["band"] for band in (hot, warm, cold)] == ["hot", "warm", "cold"]
    assert (cold["leads"], cold["converted"], cold["rate"]) == (2, 1, 0.5)
    assert cold["interval"] == pytest.approx([0.0945, 0.9055], abs=1e-4)  # Wilson's
    assert (hot["leads"], hot["rate"], hot["interval"]) == (0, None, None)
    assert [warning["code"] for warning in answer["warnings"]] == ["not_scored"]


def test_use_is_told_by_person(tenant: str, leads: Iterator[str]) -> None:
    lead_ids = [next(leads) for _ in range(4)]
    upsert(tenant_id=tenant, leads=[{"external_id": "orphan"}])
    with transaction(EVERY_TENANT) as session:
        states = ("executed", "replied", "rejected", "planned")
        drafts = [action(lead_id, state) for lead_id, state in zip(lead_ids, states, strict=True)]
        interventions.save(session, tenant, drafts=drafts)
    override(tenant_id=tenant, lead_id=lead_ids[0], band="hot", actor="bo.larkmoor")
    prediction = score(tenant_id=tenant, lead_id=lead_ids[0])["data"]
    assert prediction["lead"]["band"] == "cold"
    record(tenant_id=tenant, outcomes=closed(1, "contacted"))
    ada, bo, nobody = value_report(tenant_id=tenant)["data"]["use"]
    assert tuple(ada) == USE_KEYS
    told = ("ada.quill", 260, 2, 1, 1)
    assert tuple(ada[name] for name in ("agent", "leads", "executed", "rejected", "replied")) == told
    assert (bo["agent"], bo["leads"], bo["overrides"], bo["marks"]) == ("bo.larkmoor", 0, 1, 0)
    assert (nobody["agent"], nobody["leads"], nobody["executed"]) == (None, 1, 0)


def test_a_brokerage_of_very_many_people_is_told_of_those_with_most_leads(tenant: str) -> None:
    rows = [{"external_id": f"L{number}", "assigned_to": f"agent.{number % 600:04}"} for number in range(900)]
    upsert(tenant_id=tenant, leads=rows)
    answer = value_report(tenant_id=tenant)
    told = answer["data"]["use"]
    assert [row["leads"] for row in told[:300]] == [2] * 300
    assert 300 < len(told) < 600
    assert answer["warnings"] == [{"code": "too_many", "path": f"use.{len(told)}"}]


WORTH = {"commission": 0.025, "typical_price": 400_000.0}


def test_money_is_named_only_from_the_tenants_own_figures_and_with_its_interval(
    tenant: str, leads: Iterator[str]
) -> None:
    enrolled(tenant, leads, "proactive_outreach", [(False, "kept", 60), (False, "won", 40), (False, "churned", 100)])
    enrolled(tenant, leads, "social_proof", [(True, "won", 2), (True, "kept", 8), (True, "churned", 10)])
    assert value_report(tenant_id=tenant)["data"]["money"] is None
    configure(tenant_id=tenant, settings={"worth": {"commission": 0.025}})
    assert value_report(tenant_id=tenant)["data"]["money"] is None
    configure(tenant_id=tenant, settings={"worth": WORTH})
    money = value_report(tenant_id=tenant)["data"]["money"]
    # 200 leads sent to, 20 % of them won against 10 % of those held out, 10,000 a deal
    assert (money["currency"], money["amount"]) == ("USD", 200_000.0)
    assert money["low"] < money["amount"] < money["high"]
    assert money["from"] == WORTH | {"leads": 200, "difference": pytest.approx(0.1)}


def test_money_waits_until_both_arms_have_settled(tenant: str, leads: Iterator[str]) -> None:
    configure(tenant_id=tenant, settings={"worth": WORTH})
    enrolled(tenant, leads, "social_proof", [(False, "won", 5), (True, None, 1)])
    told = value_report(tenant_id=tenant)["data"]
    assert (told["money"], told["effect"]) == (None, {"difference": None, "interval": None, "verdict": "too_early"})


@pytest.mark.parametrize("ask", [report, value_report])
def test_an_unknown_tenant_is_refused(ask: Any) -> None:
    with pytest.raises(InvalidPayload) as caught:
        ask(tenant_id="nobody")
    assert caught.value.code == "unknown_tenant"
