from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.interventions import URGENCIES
from ml.interventions.budget import within_budget, worth
from ml.interventions.policy import Need, Proposal, Uplift, options, propose

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
BASE = Proposal(
    intervention="proactive_outreach",
    action="call_task",
    channel="call",
    urgency="high",
    cost=10,
    delay=timedelta(0),
    lasting=timedelta(days=3),
    reason_codes=("risk",),
    expected_uplift=None,
    text="call",
    evidence="rule",
)


def need(lead: str, probability: float = 0.7, at: datetime = NOW) -> Need:
    return Need(lead_id=lead, as_of=at, probability=probability, level="high", threshold=14.0)


def measured(estimate: float) -> Proposal:
    uplift = Uplift(estimate=estimate, low=estimate / 2, high=estimate * 2, leads=500)
    return replace(BASE, evidence="model", expected_uplift=uplift)


thousandths = st.integers(0, 30_000).map(lambda whole: whole / 1000)
costs = st.sampled_from([0, 0.1, 0.2, 1, 3, 5, 10, 20]) | thousandths
single = st.builds(
    lambda cost, fit, urgency: replace(BASE, cost=cost, fit=fit, urgency=urgency),
    costs,
    st.floats(0.05, 1),
    st.sampled_from(URGENCIES),
)
proposals = st.builds(lambda one, others: replace(one, otherwise=tuple(others)), single, st.lists(single, max_size=2))
batches = st.dictionaries(
    st.text("abc", min_size=1, max_size=3), st.lists(proposals, max_size=2), min_size=1, max_size=5
)
budgets = st.sampled_from([0, 0.3, 1, 5, 10]) | thousandths


def dearest(kept: dict[str, list[Proposal]]) -> float:
    return sum(max((one.cost for one in options(found)), default=0.0) for found in kept.values())


@settings(max_examples=50)
@given(batches, budgets)
def test_whatever_is_carried_out_the_budget_holds(batch, budget) -> None:
    kept = within_budget(batch, {lead: need(lead) for lead in batch}, budget)
    assert set(kept) == set(batch)
    assert dearest(kept) <= budget + 1e-5
    for lead, found in kept.items():
        offered = [replace(one, otherwise=()) for one in options(batch[lead])]
        tried = [replace(one, otherwise=()) for one in options(found)]
        assert all(one in offered for one in tried)
        assert [one for one in offered if one in tried] == tried


@settings(max_examples=50)
@given(batches, budgets, st.randoms())
def test_the_order_of_the_leads_changes_nothing(batch, budget, seeds) -> None:
    leads = list(batch)
    seeds.shuffle(leads)
    needs = {lead: need(lead) for lead in batch}
    assert within_budget({lead: batch[lead] for lead in leads}, needs, budget) == within_budget(batch, needs, budget)


@settings(max_examples=50)
@given(batches, budgets)
def test_the_worth_is_at_least_half_of_the_best_there_is(batch, budget) -> None:
    needs = {lead: need(lead) for lead in batch}
    kept = within_budget(batch, needs, budget)
    reached = sum(max((worth(needs[lead], one) for one in options(found)), default=0.0) for lead, found in kept.items())
    choices = [[(0.0, 0.0), *((one.cost, worth(needs[lead], one)) for one in options(batch[lead]))] for lead in batch]
    best = max(
        sum(value for _, value in chosen) for chosen in product(*choices) if sum(cost for cost, _ in chosen) <= budget
    )
    assert reached >= best / 2 - 1e-4


@settings(max_examples=50)
@given(batches)
def test_what_costs_nothing_always_stays(batch) -> None:
    kept = within_budget(batch, {lead: need(lead) for lead in batch}, 0)
    for lead, found in kept.items():
        assert [one.fit for one in options(found)] == [one.fit for one in options(batch[lead]) if one.cost == 0]


def test_without_a_budget_all_stays() -> None:
    batch = {"a": [BASE], "b": []}
    assert within_budget(batch, {lead: need(lead) for lead in batch}, None) == batch


def test_a_budget_that_is_met_exactly_is_kept() -> None:
    batch = {str(lead): [replace(BASE, cost=0.1)] for lead in range(3)}
    assert all(within_budget(batch, {lead: need(lead) for lead in batch}, 0.3).values())


def test_the_greater_risk_goes_first() -> None:
    batch = {"a": [BASE], "b": [BASE]}
    assert within_budget(batch, {"a": need("a", 0.6), "b": need("b", 0.9)}, 10) == {"a": [], "b": [BASE]}


def test_the_more_urgent_goes_first() -> None:
    urgent = replace(BASE, urgency="critical")
    assert within_budget({"a": [BASE], "b": [urgent]}, {"a": need("a"), "b": need("b")}, 10) == {"a": [], "b": [urgent]}


def test_what_was_measured_goes_before_what_rules_say() -> None:
    batch = {"a": [replace(BASE, fit=0.9)], "b": [measured(0.05)], "c": [measured(0.02)]}
    needs = {lead: need(lead) for lead in batch}
    assert [lead for lead, found in within_budget(batch, needs, 10).items() if found] == ["b"]
    assert [lead for lead, found in within_budget(batch, needs, 20).items() if found] == ["b", "c"]


def test_where_the_first_choice_is_too_dear_the_next_of_its_kind_is_taken() -> None:
    sms = replace(BASE, action="sms", channel="sms", cost=0.2, fit=0.8)
    both = replace(BASE, otherwise=(sms,))
    batch = {"a": [both], "b": [both]}
    kept = within_budget(batch, {"a": need("a"), "b": need("b", 0.9)}, 10.2)
    assert kept == {"a": [sms], "b": [both]}


def test_what_is_left_over_is_for_what_comes_after_a_block() -> None:
    sms = replace(BASE, action="sms", channel="sms", cost=0.2, fit=1.5)
    batch = {"a": [sms, BASE], "b": [sms, BASE]}
    needs = {"a": need("a"), "b": need("b", 0.9)}
    assert within_budget(batch, needs, 20) == batch
    assert sorted(map(len, within_budget(batch, needs, 10.2).values())) == [1, 2]
    assert within_budget(batch, needs, 1) == {"a": [sms], "b": [sms]}


def test_one_great_thing_is_not_lost_to_many_cheap_ones() -> None:
    cheap = replace(BASE, cost=0.1, fit=0.05)
    batch = {"great": [BASE], "small": [cheap]}
    assert within_budget(batch, {lead: need(lead) for lead in batch}, 10) == {"great": [BASE], "small": []}


def test_of_equals_not_always_the_same_lead_goes_without() -> None:
    batch = {"a": [BASE], "b": [BASE]}
    days = [NOW + timedelta(days=day) for day in range(20)]
    served = {
        lead
        for day in days
        for lead, found in within_budget(batch, {lead: need(lead, at=day) for lead in batch}, 10).items()
        if found
    }
    assert served == {"a", "b"}


def test_the_policys_own_proposals_are_kept_within_a_budget() -> None:
    needs = {
        str(lead): replace(need(str(lead), 0.5 + lead / 100), stage="offer", indicators={"communication_gaps": 0.5})
        for lead in range(40)
    }
    kept = within_budget({lead: propose(one) for lead, one in needs.items()}, needs, 60)
    called = [lead for lead, found in kept.items() if any(one.action == "call_task" for one in options(found))]
    assert dearest(kept) <= 60
    # as the riskier: everybody is written to, and what is left goes to calls where most is at stake
    assert all(kept.values())
    assert called == [str(lead) for lead in range(35, 40)]
