"""Propose what to try next, with optuna as sampler only: it stores nothing and decides nothing else.

The sampler is made anew for each proposal from the trials that are told to it, and is seeded with the study's seed and
the trial's number. So a proposal is a function of these alone: whoever computes it, and how often, gets the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module, util
from typing import Any

import numpy as np

from ml.errors import SamplerMissing
from ml.tuning.space import Parameter, Space

#: complete trials before the sampler learns from them; until then it draws at random
STARTUP = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A trial that was proposed before: of a study, in order of numbers."""

    #: empty for the usual options, from which a sampler learns nothing
    params: Mapping[str, float]
    #: its loss; None while it runs, so that nothing close to it is proposed
    loss: float | None


def require() -> None:
    """Import the sampler. Raises SamplerMissing, with what to install, where it is not there."""
    _optuna()


def propose(space: Space, trials: Sequence[Tried], *, seed: int, number: int) -> dict[str, float]:
    """Return the params of trial `number`, from trials before it. Raises SamplerMissing.

    >>> from ml.tuning.space import space_of
    >>> first = propose(space_of(trees=False), [], seed=0, number=1)
    >>> first == propose(space_of(trees=False), [], seed=0, number=1), sorted(first)
    (True, ['penalty'])
    """
    optuna = _optuna()
    distributions = {parameter.name: _distribution(optuna, parameter) for parameter in space}
    own_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    sampler = optuna.samplers.TPESampler(seed=own_seed, n_startup_trials=STARTUP, constant_liar=True)
    study = optuna.create_study(sampler=sampler, direction="minimize")
    study.add_trials([_told(optuna, trial, distributions) for trial in trials if trial.params])
    asked: Mapping[str, float] = study.ask(distributions).params
    return {parameter.name: parameter.rounded(asked[parameter.name]) for parameter in space}


def _distribution(optuna: Any, parameter: Parameter) -> Any:
    low, high, log = parameter.low, parameter.high, parameter.log
    if parameter.whole:
        return optuna.distributions.IntDistribution(int(low), int(high), log=log)
    return optuna.distributions.FloatDistribution(low, high, log=log)


def _told(optuna: Any, trial: Tried, distributions: Mapping[str, Any]) -> Any:
    state = optuna.trial.TrialState.RUNNING if trial.loss is None else optuna.trial.TrialState.COMPLETE
    params = dict(trial.params)
    return optuna.trial.create_trial(state=state, params=params, distributions=dict(distributions), value=trial.loss)


def _optuna() -> Any:
    """Return optuna, which takes 0.6 s to import: who never searches does without."""
    if util.find_spec("optuna") is None:
        raise SamplerMissing(SamplerMissing.__doc__)
    optuna = import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
