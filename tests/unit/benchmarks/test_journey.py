"""The benchmark of the journey stage: the simulated leads are the same each time, and judging counts what it says."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks import journey
from benchmarks.journey import LOOKS
from benchmarks.simulated_journeys import DAYS, START, leads
from domain.journey import JOURNEY_STAGES
from ml.features import extract


def test_the_same_seed_gives_the_same_leads_and_another_one_others() -> None:
    assert list(leads(3, 3)) == list(leads(3, 3))
    assert [lead.stages for lead in leads(3, 3)] != [lead.stages for lead in leads(4, 3)]


def test_the_true_stage_moves_by_one_and_no_look_sees_the_future() -> None:
    for lead in leads(3, 4):
        assert len(lead.stages) == DAYS
        assert all(abs(one - other) <= 1 for one, other in pairwise(lead.stages))
        early = extract([lead.at(20)]).to_rows()[0]
        known = [event for event in lead.profile.interactions if (event.occurred_at - START).days <= 20]
        assert (early["silence_days"] is None) == (not [event for event in known if event.direction == "inbound"])
        assert set(lead.stages) <= set(range(len(JOURNEY_STAGES)))


def test_flips_and_shares_are_counted() -> None:
    judged = journey._judged([[0, 0, 1, 1], [2, 2, 2, 3]], [[0, 1, 0, 1], [2, 2, 2, 2]])
    assert judged["flips_per_true_move"] == pytest.approx(3 / 2)
    assert (judged["accuracy"], judged["within_one"]) == (0.625, 1.0)


def test_hysteresis_adds_no_flips() -> None:
    rows = [extract([lead.at(day) for day in LOOKS]).to_rows() for lead in leads(3, 5)]
    held, loose = ([journey._told(each, hold=hold) for each in rows] for hold in (True, False))
    assert journey._moves(held) < journey._moves(loose)
