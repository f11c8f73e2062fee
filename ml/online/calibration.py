"""Calibrate probabilities as outcomes come: Platt's sigmoid per series, updated by one Newton step per outcome."""

from __future__ import annotations

import numpy as np

from ml.arrays import Floats

#: how sure we are of "no change is needed" before the first outcome, in outcomes at even odds (times p(1-p), a quarter)
_PRIOR = 10.0
_ALL = slice(None)


class OnlinePlatt:
    """A slope and an offset of the log-odds for each of several series, with exponential forgetting.

    `memory` is about how many outcomes are remembered. The step is that of a Kalman filter for a logistic regression
    with two coefficients (Haykin's extended form), so it is large at first and settles by itself. Probabilities must
    not be 0 or 1.

    >>> platt = OnlinePlatt((1,), memory=500)
    >>> for label in [1.0, 1.0, 1.0, 0.0] * 25:
    ...     platt.learn(np.array([0.99]), np.array([label]))
    >>> bool(0.7 < platt.calibrated(np.array([0.99]))[0] < 0.85)
    True
    """

    def __init__(self, shape: tuple[int, ...], memory: float) -> None:
        self.keep = 1 - 1 / memory
        self.slope_: Floats = np.ones(shape)
        self.offset_: Floats = np.zeros(shape)
        # covariance of slope and offset: what is not known of them
        self.slope_variance_: Floats = np.full(shape, 1 / _PRIOR)
        self.offset_variance_: Floats = np.full(shape, 1 / _PRIOR)
        self.covariance_: Floats = np.zeros(shape)

    def calibrated(self, probabilities: Floats, part: slice = _ALL) -> Floats:
        """Return the calibrated probabilities of all series, or of a part of them; nothing is learnt."""
        return _expit(self.slope_[part] * _log_odds(probabilities) + self.offset_[part])

    def learn(self, probabilities: Floats, labels: Floats) -> None:
        """Take what was served of all series, and what came: 1 or 0."""
        x = _log_odds(probabilities)
        said = _expit(self.slope_ * x + self.offset_)
        information = said * (1 - said)
        gain_slope = self.slope_variance_ * x + self.covariance_
        gain_offset = self.covariance_ * x + self.offset_variance_
        scale = self.keep + information * (gain_slope * x + gain_offset)
        error = (labels - said) / scale
        self.slope_ = _within(self.slope_ + gain_slope * error, 0.05, 5.0)
        self.offset_ = _within(self.offset_ + gain_offset * error, -5.0, 5.0)
        shrink = information / scale
        # forgetting must not blow up what a series never tests, such as the slope of a constant
        self.slope_variance_ = np.minimum((self.slope_variance_ - shrink * gain_slope**2) / self.keep, 1 / _PRIOR)
        self.offset_variance_ = np.minimum((self.offset_variance_ - shrink * gain_offset**2) / self.keep, 1 / _PRIOR)
        self.covariance_ = (self.covariance_ - shrink * gain_slope * gain_offset) / self.keep


def _log_odds(probabilities: Floats) -> Floats:
    log_odds: Floats = np.log(probabilities / (1 - probabilities))
    return log_odds


def _expit(log_odds: Floats) -> Floats:
    expit: Floats = 1 / (1 + np.exp(-_within(log_odds, -9.0, 9.0)))
    return expit


def _within(values: Floats, least: float, most: float) -> Floats:
    # a third of the time of np.clip on arrays as small as these
    within: Floats = np.minimum(np.maximum(values, least), most)
    return within
