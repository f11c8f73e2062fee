"""What serves: a blend of the learners, of rates that look at no feature, and of calibrated copies of both.

Three levels, each weighted by the log-loss of what was served: experts are mixed at several rates and shares; these
mixtures are mixed again; and the blend stands beside a calibrated copy of itself. Every part earns its weight, also the
calibration, which hurts where outcomes come late (decision 29).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

from domain.learners import LEARNERS
from ml.arrays import Floats
from ml.online.calibration import OnlinePlatt
from ml.online.fixed_share import FixedShare
from ml.online.rates import ClassRates

#: the rows of the learners, of the rates, and of the calibrated copies
RATES = ("base_rate", "recent_rate", "as_last_time")
PLAIN = (*LEARNERS, *RATES)
COPIED = (*LEARNERS, "as_last_time")
BLENDED = (*PLAIN, *(f"calibrated_{name}" for name in COPIED))
#: rates of learning and shares of the mixtures: small shares for streams that stay as they are, large ones for others
GRID = tuple(product((1.0, 2.0), (0.001, 0.01, 0.05)))
MIXTURES = tuple(f"mixture_{rate:g}_{share:g}" for rate, share in GRID)
SERVED = ("blend", "calibrated_blend")
#: all that is judged, in the order in which a score carries it
EXPERTS = (*BLENDED, *MIXTURES, *SERVED)

_UPPER_SHARE, _SERVED_SHARE = 0.005, 0.005
#: outcomes that a calibration remembers
MEMORY = 2000.0
#: what any expert says at the least and at the most
EDGE = 1e-3

_COPIES = [PLAIN.index(name) for name in COPIED]
_FIRST_MIXTURE, _FIRST_SERVED = len(BLENDED), len(BLENDED) + len(MIXTURES)


class Blend:
    """The blend over two classes or more; it sees what learners say, never a feature.

    >>> blend = Blend(np.array([0.5, 0.5]))
    >>> said = np.tile([0.8, 0.2], (len(LEARNERS), 1))
    >>> for _ in range(50):
    ...     experts = blend.experts(said)
    ...     blend.learn(experts, 0)
    >>> bool(blend.served(blend.experts(said))[0] > 0.9)
    True
    """

    def __init__(self, prior: Floats) -> None:
        self.rates_ = ClassRates(prior)
        self.platt_ = OnlinePlatt((len(COPIED), len(prior)), memory=MEMORY)
        self.lower_ = FixedShare(len(BLENDED), *zip(*GRID, strict=True))
        self.upper_ = FixedShare(len(MIXTURES), (1.0,), (_UPPER_SHARE,))
        self.platt_of_blend_ = OnlinePlatt((1, len(prior)), memory=MEMORY)
        self.top_ = FixedShare(len(SERVED), (1.0,), (_SERVED_SHARE,))

    def experts(self, learners: Floats) -> Floats:
        """Return what every expert says, EXPERTS × classes; `learners` is LEARNERS × classes. Nothing is learnt."""
        plain = _within(np.concatenate([learners, self.rates_.probabilities()]))
        blended = np.concatenate([plain, _within(self.platt_.calibrated(plain[_COPIES]))])
        mixtures = self.lower_.mix(blended)
        blend = self.upper_.mix(mixtures)
        return np.concatenate([blended, mixtures, blend, _within(self.platt_of_blend_.calibrated(blend))])

    def served(self, experts: Floats) -> Floats:
        """Return the probability of each class, from what `experts` returned."""
        served: Floats = self.top_.mix(experts[_FIRST_SERVED:])[0]
        return served

    def learn(self, experts: Floats, label: int) -> None:
        """Take an outcome: judge each expert by what it said when it was served, EXPERTS × classes."""
        of_outcome = experts[:, label]
        self.lower_.learn(of_outcome[:_FIRST_MIXTURE])
        self.upper_.learn(of_outcome[_FIRST_MIXTURE:_FIRST_SERVED])
        self.top_.learn(of_outcome[_FIRST_SERVED:])
        labels = np.zeros(experts.shape[1])
        labels[label] = 1.0
        self.platt_.learn(experts[_COPIES], np.broadcast_to(labels, self.platt_.slope_.shape))
        self.platt_of_blend_.learn(experts[_FIRST_SERVED : _FIRST_SERVED + 1], labels[None, :])
        self.rates_.learn(label)

    def weights(self) -> Mapping[str, float]:
        """Return the weight of each blended expert now; they add up to 1."""
        weights = (self.upper_.weights_ @ self.lower_.weights_)[0]
        return dict(zip(BLENDED, weights.tolist(), strict=True))

    def calibrated(self) -> float:
        """Return the weight of the calibrated blend in what is served."""
        return float(self.top_.weights_[0, 1])


def _within(probabilities: Floats) -> Floats:
    """Return probabilities of classes, none of them at 0 or 1, adding up to 1."""
    inside = np.clip(probabilities, EDGE, 1 - EDGE)
    normalised: Floats = inside / inside.sum(axis=-1, keepdims=True)
    return normalised
