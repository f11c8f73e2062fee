from __future__ import annotations

import random
from datetime import timedelta

from ml.worklist import Candidate, rank
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
