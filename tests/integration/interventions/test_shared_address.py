"""Two leads with one e-mail address: when one of them refuses, nothing reaches the other, on list, card and plan."""

from __future__ import annotations

import pytest

from db.records import OutboxRecord
from tasks.leads.card import card
from tasks.leads.score import score
from tasks.leads.worklist import worklist
from tasks.services.churn import churn_risk
from tasks.services.leads import profiles
from tests.support.interventions import (
    DAY,
    NOON,
    T,
    actions_of,
    at_risk,
    brokerage,
    dispatched,
    happened,
    only,
    planned,
    states,
    told,
    work_at,
)

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

SHARED = "both@example.com"


@pytest.fixture
def pair(database: str) -> tuple[str, str]:
    """One who will refuse, and the other."""
    brokerage()
    first, second = (at_risk(number, email=SHARED) for number in (1, 2))
    assert first != second
    return first, second


def listed(lead_id: str) -> bool:
    return lead_id in {row["lead_id"] for row in worklist(tenant_id=T, capacity=50)["data"]["leads"]}


def checked(lead_id: str) -> list[str]:
    """The leads that are planned for after a look at the risk of one."""
    published: list[OutboxRecord] = []
    context = work_at(NOON + DAY, published)
    with context.transaction(T) as session:
        stored = profiles.load(session, T, [lead_id], context.now)
        assessment = churn_risk.assess_stored(session, context, stored, context.now)
        churn_risk.enqueue_plans(session, context, assessment)
    return [one for row in published if row.task.endswith("plan_due") for one in row.kwargs["lead_ids"]]


def test_a_refusal_of_one_stops_what_would_reach_the_other(pair: tuple[str, str]) -> None:
    first, second = pair
    score(tenant_id=T, lead_ids=[first, second])
    assert (listed(second), card(tenant_id=T, lead_id=second)["data"]["contactable"]) == (True, True)
    [action] = only(planned(NOON, second)).actions
    assert action.state in {"planned", "approval"}

    happened(1, "sms", NOON + DAY / 2, "inbound", "Please STOP contacting me")
    assert not listed(second)
    shown = card(tenant_id=T, lead_id=second)["data"]
    assert (shown["contactable"], shown["next"]["action"]) == (False, None)
    assert second in checked(first), "what runs for the other is looked at at once"
    assert only(planned(NOON + DAY, second)).actions[-1:] != (action,)
    assert states(second)[0] == "withdrawn"
    reaching = [one.action_id for one in actions_of(second) if one.channel != "internal"]
    dispatched(NOON + DAY, *reaching)
    assert [event["data"]["channel"] for event in told("action.planned") if event["lead_id"] == second] == []


def test_who_shares_nothing_is_not_touched(database: str) -> None:
    brokerage()
    first, second = at_risk(1), at_risk(2)
    happened(1, "sms", NOON + DAY / 2, "inbound", "Please STOP contacting me")
    assert card(tenant_id=T, lead_id=second)["data"]["contactable"] is True
    assert second not in checked(first)
