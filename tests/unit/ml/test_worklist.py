from __future__ import annotations

import random
from datetime import timedelta

from ml.worklist import Candidate, Seen, changed, rank
from tests.unit.ml.support import NOW


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
    was = Seen(probability=0.42, band="warm", as_of=NOW - timedelta(days=1))
    now = Seen(probability=0.424, band="warm", as_of=NOW)
    assert changed(was, now, []).text == "nothing new"
    told = changed(was, now, [("Listing View", None), ("sms", "outbound"), ("outcome.won", None)])
    assert told.text == "1 listing view, 1 text message sent"
    assert told.events == {"listing_views": 1, "sms_out": 1}
    up = Seen(probability=0.7, band="hot", as_of=NOW)
    assert changed(was, up, []).text == "score 42 to 70, warm to hot"
    assert changed(was, up, []).delta == 0.28
