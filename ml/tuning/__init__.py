"""Search for the hyperparameters of a model: what to try next, how a trial is judged, and what won."""

from ml.tuning.problem import FoldResult, Problem, judge, problem_of
from ml.tuning.sampler import Tried, propose, require
from ml.tuning.space import Parameter, Space, everything
from ml.tuning.winner import best, loss_of

__all__ = [
    "FoldResult",
    "Parameter",
    "Problem",
    "Space",
    "Tried",
    "best",
    "everything",
    "judge",
    "loss_of",
    "problem_of",
    "propose",
    "require",
]
