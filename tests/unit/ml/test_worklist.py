from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta

import pytest

from ml.interventions.catalogue import CATALOGUE
from ml.worklist import Candidate, DatedScore, Place, fill, rank, score_change, ways
from tests.support.leads import NOW


def ids(candidates: list[Candidate], capacity: int = 10) -> str:
    return "".join(candidate.lead_id for candidate in rank(candidates, now=NOW, capacity=capacity))


def test_inquiries_come_first_longest_waiting_before_any_value() -> None:
    leads = [
        Candidate(lead_id="a", probability=0.99, value=1e9),
        Candidate(lead_id="b", probability=0.01, inquiry_at=NOW - timedelta(minutes=6)),
        Candidate(lead_id="c", probability=0.5, inquiry_at=NOW - timedelta(hours=6)),
    ]
    assert ids(leads) == "cba"


def test_an_inquiry_to_come_is_not_first() -> None:
    leads = [
        Candidate(lead_id="a", probability=0.5),
        Candidate(lead_id="b", probability=0.1, inquiry_at=NOW + timedelta(1)),
    ]
    assert ids(leads) == "ab"


@pytest.mark.parametrize(("waited", "order"), [(timedelta(days=1), "ba"), (timedelta(days=1, seconds=1), "ab")])
def test_an_inquiry_that_nobody_answered_for_a_day_is_ranked_as_any_other_lead(waited, order) -> None:
    leads = [
        Candidate(lead_id="a", probability=0.9),
        Candidate(lead_id="b", probability=0.06, inquiry_at=NOW - waited),
    ]
    assert ids(leads) == order


def test_an_unknown_value_counts_as_the_median() -> None:
    leads = [
        Candidate(lead_id="a", probability=0.5, value=100.0),
        Candidate(lead_id="b", probability=0.4, value=300.0),
        Candidate(lead_id="c", probability=0.5),
        Candidate(lead_id="d", probability=0.9, value=float("nan")),
    ]
    assert ids(leads) == "dbca"


def test_without_values_the_chance_decides_and_ties_have_an_order() -> None:
    leads = [Candidate(lead_id=name, probability=0.5) for name in "dbca"]
    random.Random(0).shuffle(leads)
    assert ids(leads) == "abcd"
    assert ids(leads, capacity=2) == "ab"
    assert ids(leads, capacity=0) == ""


def test_who_may_not_be_contacted_is_not_listed() -> None:
    assert (
        ids([Candidate(lead_id="a", probability=0.9, contactable=False), Candidate(lead_id="b", probability=0.1)])
        == "b"
    )


def test_no_agent_gets_more_than_their_limit_and_the_next_ones_move_up() -> None:
    leads = [
        Candidate(lead_id=name, probability=0.5, agent=agent) for name, agent in zip("abcdef", "xxxyyz", strict=True)
    ]
    leads.append(Candidate(lead_id="g", probability=0.5))
    found = rank(leads, now=NOW, capacity=5, limit=lambda agent: {"x": 1, "y": 0}.get(agent, 9))
    assert [(lead.lead_id, lead.agent) for lead in found] == [("a", "x"), ("f", "z"), ("g", None)]


def test_a_tenants_own_typical_price_stands_in_for_the_median() -> None:
    leads = [
        Candidate(lead_id="a", probability=0.5, value=100.0),
        Candidate(lead_id="b", probability=0.1),
    ]
    assert ids(leads) == "ab"
    assert [lead.lead_id for lead in rank(leads, now=NOW, capacity=2, typical=1000.0)] == ["b", "a"]


def test_what_is_new_is_said_only_where_something_is() -> None:
    was = DatedScore(probability=0.42, band="warm", as_of=NOW - timedelta(days=1))
    now = DatedScore(probability=0.424, band="warm", as_of=NOW)
    assert score_change(was, now, []).text == "nothing new"
    told = score_change(was, now, [("Listing View", None), ("sms", "outbound"), ("outcome.won", None)])
    assert told.text == "1 listing view, 1 text message sent"
    assert told.events == {"listing_views": 1, "sms_out": 1}
    up = DatedScore(probability=0.7, band="hot", as_of=NOW)
    assert score_change(was, up, []).text == "score 42 to 70, warm to hot"
    assert score_change(was, up, []).delta == 0.28


def ranked(names: str, agents: str = "") -> list[Candidate]:
    return [
        Candidate(lead_id=name, probability=0.5, agent=agent or None)
        for name, agent in zip(names, agents or [""] * len(names), strict=True)
    ]


def filled(
    leads: list[Candidate], capacity: int, withheld: str = "", left_out: str = "", most: int | None = None
) -> tuple[str, int]:
    """Who is on the list, and how many are withheld."""

    def place(ids: Sequence[str]) -> dict[str, Place]:
        listed: dict[str, Place] = dict.fromkeys(set(ids) - set(left_out), "listed")
        return listed | dict.fromkeys(set(ids) & set(withheld), "withheld")

    found = fill(leads, place, capacity=capacity, limit=None if most is None else lambda agent: most)
    return "".join(lead.lead_id for lead in found.chosen), found.withheld


@pytest.mark.parametrize(
    ("capacity", "withheld", "left_out", "expected"),
    [
        (3, "", "", ("abc", 0)),
        (3, "bd", "", ("ace", 2)),
        (3, "bf", "", ("acd", 1)),
        (3, "", "ab", ("cde", 0)),
        (3, "a", "b", ("cde", 1)),
        (9, "a", "", ("bcdef", 1)),
        (9, "abcdef", "", ("", 6)),
        (0, "a", "", ("", 0)),
    ],
)
def test_a_list_is_filled_from_the_top_and_counts_whom_nobody_may_contact_above_its_end(
    capacity: int, withheld: str, left_out: str, expected: tuple[str, int]
) -> None:
    assert filled(ranked("abcdef"), capacity, withheld, left_out) == expected


def test_a_lead_that_is_withheld_takes_nobodys_place() -> None:
    leads = ranked("abcdef", "xxxyyy")
    assert filled(leads, 4, withheld="ad", most=2) == ("bcef", 2)
    assert filled(leads, 4, withheld="c", most=2) == ("abde", 0), "its agent has enough: it would not be there anyhow"


def test_a_list_asks_of_few_leads_and_of_each_once() -> None:
    leads = [Candidate(lead_id=f"{number:05}", probability=0.5) for number in range(5000)]
    asked: list[str] = []

    def place(ids: Sequence[str]) -> dict[str, Place]:
        calls.append(len(ids))
        asked.extend(ids)
        return {lead_id: "listed" if int(lead_id) >= least else "withheld" for lead_id in ids}

    least, calls = 0, list[int]()
    assert len(fill(leads, place, capacity=20).chosen) == 20
    assert calls == [30]
    least, calls = 4990, []
    asked.clear()
    found = fill(leads, place, capacity=20)
    assert (len(found.chosen), found.withheld, asked) == (10, 4990, [lead.lead_id for lead in leads])
    assert len(calls) < 10


@pytest.mark.parametrize(
    ("urged", "traits", "expected"),
    [
        (None, set(), ["call_task", "email", "sms"]),
        ("call_task", set(), ["call_task", "email", "sms"]),
        ("market_report", {"stage:nurture"}, ["market_report", "call_task", "sms"]),
        ("showing_invite", {"lead_type:buyer", "stage:showing"}, ["showing_invite", "call_task", "email"]),
        ("showing_invite", {"lead_type:seller", "stage:showing"}, ["call_task", "email", "sms"]),
        ("home_valuation", {"stage:past_client"}, ["home_valuation", "call_task", "sms"]),
        # what people in house do, and what only a plan decides, is no way to reach a lead
        ("manager_escalation", set(), ["call_task", "email", "sms"]),
        ("incentive", set(), ["call_task", "email", "sms"]),
        ("shout", set(), ["call_task", "email", "sms"]),
    ],
)
def test_the_ways_are_what_is_urged_where_it_suits_and_one_of_each_other_channel(
    urged: str | None, traits: set[str], expected: list[str]
) -> None:
    assert [way.name for way in ways(urged, traits)] == expected


def test_what_a_brokerage_does_not_use_is_no_way_but_a_call_always_is() -> None:
    used = {name: CATALOGUE.actions[name] for name in ("market_report", "listing_alert", "suppress")}
    assert [way.name for way in ways("sms", set(), used)] == ["call_task", "market_report"]
    assert [way.name for way in ways("listing_alert", {"lead_type:buyer"}, used)] == ["listing_alert", "call_task"]
    assert [way.name for way in ways(None, {"stage:offer"}, used)] == ["call_task"]
