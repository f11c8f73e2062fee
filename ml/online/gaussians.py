"""River's trees and naive Bayes with distributions that carry no random numbers.

Each Gaussian of River has a random generator of its own, for drawing samples, which we never do. A leaf has two of
them for each column, and a generator takes 2.5 KB: nine tenths of the state, and seeded by the machine, so that no two
states would be equal.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from typing import Any

from river import naive_bayes, proba, stats
from river.tree.splitter import GaussianSplitter


class LeanGaussian(proba.Gaussian):
    """A normal distribution that is only evaluated.

    >>> lean, full = LeanGaussian(), proba.Gaussian()
    >>> for value in (6.0, 7.0, 9.5):
    ...     lean.update(value)
    ...     full.update(value)
    >>> lean(6.5) == full(6.5)
    True
    """

    def __init__(self, ddof: int = 1) -> None:
        # the parent's would seed a generator
        self.seed = None
        self._var = stats.Var(ddof=ddof)


class LeanSplitter(GaussianSplitter):
    """River's observer of a numeric column in a leaf, with lean distributions.

    >>> splitter = LeanSplitter().clone()
    >>> for value, label in ((1.0, False), (2.0, False), (6.0, True), (7.0, True)):
    ...     splitter.update(value, label, 1.0)
    >>> splitter.cond_proba(6.5, True) > splitter.cond_proba(6.5, False)
    True
    """

    def clone(self, *_: Any, **__: Any) -> LeanSplitter:
        """Return an empty one; River's own way looks at the signature each time, for each column of each new leaf."""
        return LeanSplitter(self.n_splits)

    def update(self, att_val: Any, target_val: Any, w: float) -> None:
        """Take a value with its class and weight."""
        seen = self._att_dist_per_class.get(target_val)
        if seen is None:
            seen = self._att_dist_per_class[target_val] = LeanGaussian()
            self._min_per_class[target_val] = self._max_per_class[target_val] = att_val
        elif att_val < self._min_per_class[target_val]:
            self._min_per_class[target_val] = att_val
        elif att_val > self._max_per_class[target_val]:
            self._max_per_class[target_val] = att_val
        seen.update(att_val, w)


class LeanGaussianNB(naive_bayes.GaussianNB):
    """River's Gaussian naive Bayes, with lean distributions."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.gaussians: Any = defaultdict(functools.partial(defaultdict, PopulationGaussian))


class PopulationGaussian(LeanGaussian):
    """Divides by the number of values, as River's naive Bayes does."""

    def __init__(self) -> None:
        super().__init__(ddof=0)
