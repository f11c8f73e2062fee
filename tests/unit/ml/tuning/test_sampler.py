"""A proposal is a function of seed, number and what is told, and lies where members accept it."""

from importlib import util

import pytest

from ml.ensemble.options import LIMITS, EnsembleOptions
from ml.errors import CatalogueError, SamplerMissing
from ml.tuning import Tried, propose, require
from ml.tuning.space import Parameter, everything, space_of

SPACE = space_of(trees=True)


def history(count, seed=0):
    """Trials whose loss is least at few leaves and a small penalty."""
    tried = []
    for number in range(1, count + 1):
        params = propose(SPACE, tried, seed=seed, number=number)
        tried.append(Tried(params=params, loss=abs(params["leaves"] - 8) / 64 + params["penalty"] / 10))
    return tried


def test_every_proposal_is_one_that_members_accept():
    for trial in history(30):
        EnsembleOptions(**trial.params)
        assert set(trial.params) == {parameter.name for parameter in SPACE}
        for parameter in SPACE:
            assert parameter.low <= trial.params[parameter.name] <= parameter.high
            assert isinstance(trial.params[parameter.name], int) == parameter.whole


def test_the_same_is_proposed_again_by_whoever_asks():
    told = history(12)
    again = [propose(SPACE, told, seed=0, number=13) for _ in range(3)]
    assert again[0] == again[1] == again[2]
    assert propose(SPACE, told, seed=1, number=13) != again[0]
    assert propose(SPACE, told, seed=0, number=14) != again[0]
    assert propose(SPACE, told[:4], seed=0, number=13) != again[0]


def test_it_learns_from_what_was_tried():
    tried = history(60)
    first = sum(trial.loss for trial in tried[:8]) / 8
    last = sum(trial.loss for trial in tried[-20:]) / 20
    assert last < first / 2, "drawn at random, both would be alike"


def test_trials_that_run_and_the_usual_one_teach_no_loss():
    open_trials = [Tried(params=trial.params, loss=None) for trial in history(3)]
    usual = [Tried(params={}, loss=0.5)]
    assert propose(SPACE, usual + open_trials, seed=0, number=4) == propose(SPACE, open_trials, seed=0, number=4)


def test_without_the_sampler_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(SamplerMissing, match=r"hearth\[automl\]"):
        require()


def test_ranges_lie_within_what_members_accept():
    for parameter in everything():
        assert LIMITS[parameter.name][0] <= parameter.low < parameter.high <= LIMITS[parameter.name][1]


@pytest.mark.parametrize("wrong", [("nothing", 0.1, 1.0), ("leaves", 1, 8), ("leaves", 8, 4), ("penalty", 0.1, 1e9)])
def test_a_range_that_no_member_accepts_is_refused(wrong):
    name, low, high = wrong
    with pytest.raises(CatalogueError):
        Parameter(name=name, member="gb", low=low, high=high)
