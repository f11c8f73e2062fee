"""What would change a score: the least that crosses, what crosses when it is done, and what is never named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import numpy as np
import pytest

from ml.arrays import expit
from ml.explain.applied import apply, possible
from ml.explain.counterfactual import MOST_STEPS, Goal, what_if
from ml.explain.levers import Levers, builtin
from ml.features import extract
from ml.leads import LeadScorer, Scorecard
from ml.profiles import FeatureMatrix, LeadProfile

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WARM, HOT = Goal(name="warm", border=0.3, rises=True), Goal(name="hot", border=0.6, rises=True)
CALM = Goal(name="low", border=0.2, rises=False)


def leads(count, seed=0):
    rng = np.random.default_rng(seed)
    return extract(
        [
            LeadProfile(
                lead_id=str(number),
                as_of=NOW,
                created_at=NOW - timedelta(days=float(rng.integers(1, 200))),
                source=str(rng.choice(["portal", "referral"])),
                preapproval=str(rng.choice(["none", "started", "preapproved"])),
                numbers={
                    name: float(rng.integers(0, 5)) for name in ("showings", "sms_in", "sms_out", "listing_views")
                },
                times={"last_activity_at": NOW - timedelta(days=float(rng.integers(0, 60)))},
            )
            for number in range(count)
        ]
    )


@pytest.fixture(scope="module")
def scorer():
    matrix = leads(400)
    rows = matrix.to_rows()
    odds = np.array([row["showings"] - 0.05 * row["silence_days"] + 0.4 * row["sms_in"] - 2.5 for row in rows])
    return LeadScorer().fit(matrix, np.random.default_rng(1).random(400) < expit(odds), seed=0)


def times_of(found):
    used = {step.lever: step.times for step in found.steps}
    return np.array([[used.get(lever.name, 0) for lever in builtin().levers]])


@pytest.mark.parametrize("goal", [WARM, HOT])
def test_what_is_named_crosses_the_border_when_it_is_done(scorer, goal):
    matrix, named = leads(60, seed=2), 0
    for row in (matrix.take([index]) for index in range(len(matrix))):
        found = what_if(row, scorer.log_odds, goal=goal, levers=builtin())
        assert found.log_odds == scorer.log_odds(row)[0]
        if found.probability >= goal.border or not found.steps:
            continue
        named += 1
        after = scorer.probabilities(apply(row, times_of(found), builtin()))[0]
        assert after >= goal.border
        assert found.reached == pytest.approx(after)
    assert named > 5


def test_nothing_cheaper_crosses(scorer):
    """Every way to use the levers is tried by brute force."""
    row = leads(60, seed=2).take([4])
    found = what_if(row, scorer.log_odds, goal=HOT, levers=builtin())
    kept = {alone.step.lever for alone in found.alone}
    levers = [lever for lever in builtin().levers if lever.name in kept and possible(row, lever)]
    few = Levers(version="1", levers=tuple(levers), shares=builtin().shares)
    ways = np.array(
        [way for way in product(*(range(lever.most + 1) for lever in levers)) if 0 < sum(way) <= MOST_STEPS]
    )
    crosses = scorer.probabilities(apply(row, ways, few)) >= HOT.border
    effort = ways @ np.array([lever.effort for lever in levers])
    spent = sum(step.times * next(lv.effort for lv in levers if lv.name == step.lever) for step in found.steps)
    assert spent == effort[crosses].min()


def test_a_risk_is_to_fall(scorer):
    row = leads(60, seed=2).take([4])
    found = what_if(row, lambda rows: -scorer.log_odds(rows), goal=CALM, levers=builtin(), rises=False)
    assert found.steps
    assert found.reached < CALM.border < found.probability
    assert all(alone.log_odds < 0 for alone in found.alone)


def test_where_nothing_crosses_it_says_how_far_it_gets():
    found = what_if(
        leads(1), lambda rows: rows.values[:, rows.positions()["showings"]] * 0.01 - 9.0, goal=HOT, levers=builtin()
    )
    assert found.steps == ()
    assert found.probability <= found.reached < HOT.border


def test_without_a_better_band_only_single_levers_are_told(scorer):
    found = what_if(leads(60, seed=2).take([4]), scorer.log_odds, goal=None, levers=builtin())
    assert (found.steps, found.goal) == ((), None)
    assert found.alone


def test_what_works_the_wrong_way_is_not_named():
    """A model that holds showings against a lead gets no advice to skip them, and none to have them."""
    score = lambda rows: 1.0 - rows.values[:, rows.positions()["showings"]].astype(float)  # noqa: E731
    found = what_if(FeatureMatrix.from_rows([{"showings": 2.0}]), score, goal=HOT, levers=builtin())
    assert (found.steps, found.alone) == ((), ())


def test_a_refused_channel_is_not_named(scorer):
    closed = builtin().of_channels({"call", "email", "sms"})
    for index in range(20):
        found = what_if(leads(60, seed=2).take([index]), scorer.log_odds, goal=HOT, levers=closed)
        assert all(step.by == "lead" for step in (*found.steps, *(alone.step for alone in found.alone)))


def test_the_same_lead_gets_the_same_answer(scorer):
    row = leads(60, seed=2).take([7])
    first, again = (what_if(row, scorer.log_odds, goal=WARM, levers=builtin()) for _ in range(2))
    assert first == again


def test_the_scorecard_can_be_asked_too():
    found = what_if(leads(60, seed=2).take([4]), Scorecard().log_odds, goal=HOT, levers=builtin())
    assert found.levers == builtin().version
