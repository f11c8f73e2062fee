"""Calibrate probabilities as outcomes come: Platt's sigmoid per series, updated by one Newton step per outcome."""

from __future__ import annotations

import numpy as np

from ml.arrays import Floats

#: probabilities are kept within this before their log-odds are taken
_EDGE = 1e-4
#: how sure we are of "no change is needed" before the first outcome, in outcomes at even odds (times p(1-p), a quarter)
_PRIOR = 10.0


class OnlinePlatt:
    """A slope and an offset of the log-odds for each of several series, with exponential forgetting.

    `memory` is about how many outcomes are remembered. The step is that of a Kalman filter for a logistic regression
    with two coefficients (Haykin's extended form), so it is large at first and settles by itself.

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

    def calibrated(self, probabilities: Floats) -> Floats:
        """Return the calibrated probabilities; nothing is learnt."""
        log_odds = _log_odds(probabilities)
        calibrated: Floats = 1 / (1 + np.exp(-np.clip(self.slope_ * log_odds + self.offset_, -9, 9)))
        return calibrated

    def learn(self, probabilities: Floats, labels: Floats) -> None:
        """Take what was served and what came: 1 or 0, of the same shape."""
        x = _log_odds(probabilities)
        said = self.calibrated(probabilities)
        information = said * (1 - said)
        gain_slope = self.slope_variance_ * x + self.covariance_
        gain_offset = self.covariance_ * x + self.offset_variance_
        scale = self.keep + information * (gain_slope * x + gain_offset)
        error = (labels - said) / scale
        self.slope_ = np.clip(self.slope_ + gain_slope * error, 0.05, 5.0)
        self.offset_ = np.clip(self.offset_ + gain_offset * error, -5.0, 5.0)
        shrink = information / scale
        self.slope_variance_ = self._bounded(self.slope_variance_ - shrink * gain_slope**2)
        self.offset_variance_ = self._bounded(self.offset_variance_ - shrink * gain_offset**2)
        self.covariance_ = (self.covariance_ - shrink * gain_slope * gain_offset) / self.keep

    def _bounded(self, variance: Floats) -> Floats:
        # forgetting must not blow up what a series never tests, such as the slope of a constant
        bounded: Floats = np.minimum(variance / self.keep, 1 / _PRIOR)
        return bounded


def _log_odds(probabilities: Floats) -> Floats:
    sure = np.clip(probabilities, _EDGE, 1 - _EDGE)
    log_odds: Floats = np.log(sure / (1 - sure))
    return log_odds
