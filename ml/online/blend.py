"""What serves: a blend of the learners, of rates that look at no feature, and of calibrated copies of both.

Three levels, each weighted by the log-loss of what was served: experts are mixed at several rates and shares; these
mixtures are mixed again, once quickly and once steadily; and the two blends stand beside calibrated copies of them. All
of them earn their weight, also the calibration, which hurts where outcomes come late, and the quick blend, which then
follows what is over already (decision 29).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from types import MappingProxyType

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
#: rates of learning and shares of the mixtures: small ones for streams that stay as they are and for outcomes that come
#: late, large ones for streams that change
GRID = tuple(product((0.05, 0.3, 2.0), (0.0005, 0.01, 0.05)))
MIXTURES = tuple(f"mixture_{rate:g}_{share:g}" for rate, share in GRID)
#: the mixtures of mixtures: name -> rate and share
UPPER: Mapping[str, tuple[float, float]] = MappingProxyType({"quick": (0.3, 0.005), "steady": (0.03, 0.0005)})
BLENDS = tuple(f"blend_{name}" for name in UPPER)
SERVED = (*BLENDS, *(f"calibrated_{name}" for name in BLENDS))
#: all that is judged, in the order in which a score carries it; the last is what serves
EXPERTS = (*BLENDED, *MIXTURES, *SERVED, "served")

#: of the weights over SERVED: small, since what is best here hardly ever changes, and since outcomes that come late are
#: alike for as long as they are late: who follows them quickly follows what is over
_TOP_RATE, _TOP_SHARE = 0.1, 0.0001
#: outcomes that a calibration remembers
MEMORY = 2000.0
#: what any expert says at the least, and 1 minus this at the most
EDGE = 1e-3

_COPIES = [PLAIN.index(name) for name in COPIED]
_FIRST_MIXTURE, _FIRST_SERVED = len(BLENDED), len(BLENDED) + len(MIXTURES)
#: what has a calibrated copy, among EXPERTS; the part of the experts and that of the blends
_CALIBRATED = [*_COPIES, *range(_FIRST_SERVED, _FIRST_SERVED + len(BLENDS))]
_OF_EXPERTS, _OF_BLENDS = slice(0, len(COPIED)), slice(len(COPIED), None)


class Blend:
    """The blend over two classes or more; it sees what learners say, never a feature.

    >>> blend = Blend(np.array([0.5, 0.5]))
    >>> said = np.tile([0.8, 0.2], (len(LEARNERS), 1))
    >>> for _ in range(50):
    ...     experts = blend.experts(said)
    ...     blend.learn(experts, 0)
    >>> bool(blend.experts(said)[-1, 0] > 0.9)
    True
    """

    def __init__(self, prior: Floats) -> None:
        self.rates_ = ClassRates(prior)
        self.lower_ = FixedShare(len(BLENDED), *zip(*GRID, strict=True))
        self.upper_ = FixedShare(len(MIXTURES), *zip(*UPPER.values(), strict=True))
        self.platt_ = OnlinePlatt((len(COPIED) + len(BLENDS), len(prior)), memory=MEMORY)
        self.top_ = FixedShare(len(SERVED), (_TOP_RATE,), (_TOP_SHARE,))

    def experts(self, learners: Floats) -> Floats:
        """Return what every expert says, experts by classes; `learners` is LEARNERS by classes. Nothing is learnt."""
        plain = _within(np.concatenate([learners, self.rates_.probabilities()]))
        blended = np.concatenate([plain, _within(self.platt_.calibrated(plain[_COPIES], _OF_EXPERTS))])
        mixtures = self.lower_.mix(blended)
        blends = self.upper_.mix(mixtures)
        candidates = np.concatenate([blends, _within(self.platt_.calibrated(blends, _OF_BLENDS))])
        return np.concatenate([blended, mixtures, candidates, self.top_.mix(candidates)])

    def learn(self, experts: Floats, label: int) -> None:
        """Take an outcome: judge each expert by what it said when it was served, experts by classes."""
        of_outcome = experts[:, label]
        self.lower_.learn(of_outcome[:_FIRST_MIXTURE])
        self.upper_.learn(of_outcome[_FIRST_MIXTURE:_FIRST_SERVED])
        self.top_.learn(of_outcome[_FIRST_SERVED:-1])
        labels = np.zeros(experts.shape[1])
        labels[label] = 1.0
        self.platt_.learn(experts[_CALIBRATED], labels)
        self.rates_.learn(label)

    def weights(self) -> Floats:
        """Return the weight of each of BLENDED now; they add up to 1."""
        of_blends = self.top_.weights_[0].reshape(2, len(BLENDS)).sum(axis=0)
        weights: Floats = of_blends @ self.upper_.weights_ @ self.lower_.weights_
        return weights

    def named_weights(self) -> dict[str, float]:
        """Return the weights by name, the largest first."""
        named = zip(BLENDED, self.weights().tolist(), strict=True)
        return dict(sorted(named, key=lambda item: -item[1]))

    def calibrated(self) -> float:
        """Return the weight of the calibrated blends in what is served."""
        return float(self.top_.weights_[0, len(BLENDS) :].sum())


def _within(probabilities: Floats) -> Floats:
    """Return probabilities of classes, none of them at 0 or 1, adding up to 1."""
    inside = np.minimum(np.maximum(probabilities, EDGE), 1 - EDGE)
    normalised: Floats = inside / inside.sum(axis=-1, keepdims=True)
    return normalised
