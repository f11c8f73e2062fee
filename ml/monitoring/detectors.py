"""Drift of one series of errors: two ADWIN windows that may ask for something, and a watch line that may not."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Final

from river import base
from river.drift.adwin import ADWIN
from river.drift.page_hinkley import PageHinkley

from domain.drift import DriftDirection, DriftLevel
from ml.errors import LabelsError
from ml.monitoring.change_point import change_point

#: significance of the two windows: no false alarm in 100,000 stationary labels at the first, few at the second
RETRAIN_DELTA: Final = 0.002
WARNING_DELTA: Final = 0.05
#: values between two looks of a window; at River's 32 a doubled error is found 24 labels later (p90 of 200 streams)
CLOCK: Final = 8
#: how many of the newest values are kept to say when a change began
HISTORY: Final = 2000
#: values that each side of a change has at least
_MARGIN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A change of a series: how sure it is, which way it goes, and when it began."""

    level: DriftLevel
    #: of an error: `worse` is higher
    direction: DriftDirection
    #: the value that made it sure, and the first after the change, counted from 0 over all values of the series
    at: int
    since: int
    #: mean of the values before and after the change, of the newest `HISTORY`
    before: float
    after: float


class _Line:
    """One detector, and how many values it has seen since it last began anew."""

    __slots__ = ("_detector", "level", "width")

    def __init__(self, level: DriftLevel, detector: base.DriftDetector) -> None:
        self.level = level
        self._detector = detector
        self.width = 0

    def update(self, value: float) -> bool:
        """Take one more value; return whether it makes a change sure."""
        self.width += 1
        self._detector.update(value)
        return bool(self._detector.drift_detected)

    def restart(self) -> None:
        """Forget every value."""
        self.width = 0
        self._detector._reset()  # noqa: SLF001 - River begins a detector anew by this, and has no other name for it


class DriftDetector:
    """The drift of one series of errors: ADWIN at .002 asks to retrain, ADWIN at .05 warns, Page-Hinkley watches.

    Errors lie in 0 to 1: wrong or right, or a squared error. An improvement is told with the level `watch`, however
    sure it is, since nobody has to do anything about it. A finding makes its own line and the weaker ones begin anew,
    so that one change is told once a level. No state is worth storing: a check plays the errors of a window again.

    A. Bifet and R. Gavaldà, Learning from time-changing data with adaptive windowing, SDM 2007; E. S. Page, Continuous
    inspection schemes, Biometrika 41, 1954; both as in River.

    >>> import random
    >>> source = random.Random(1)
    >>> detector = DriftDetector()
    >>> rates = [0.2] * 1000 + [0.4] * 300
    >>> told = [detector.update(float(source.random() < rate)) for rate in rates]
    >>> [(finding.level, finding.direction, finding.at, finding.since) for finding in told if finding]
    [('warning', 'worse', 1055, 1008), ('retrain', 'worse', 1071, 1008)]
    """

    __slots__ = ("_lines", "_newest", "_seen")

    def __init__(self, *, retrain: float = RETRAIN_DELTA, warning: float = WARNING_DELTA) -> None:
        """Make a detector with the significance of its two windows."""
        self._lines = (
            _Line("retrain", ADWIN(delta=retrain, clock=CLOCK)),
            _Line("warning", ADWIN(delta=warning, clock=CLOCK)),
            _Line("watch", PageHinkley(min_instances=30, delta=0.005, threshold=20.0)),
        )
        self._newest: deque[float] = deque(maxlen=HISTORY)
        self._seen = 0

    @property
    def seen(self) -> int:
        """How many values it has seen."""
        return self._seen

    def update(self, error: float) -> Finding | None:
        """Take one more error; return the strongest finding that it makes sure. Raise `LabelsError` if not finite."""
        if not math.isfinite(error):
            raise LabelsError("An error that is to be watched for drift is not finite.")
        self._seen += 1
        self._newest.append(error)
        # each line sees each value, whatever another one says of it
        sure = [line.update(error) for line in self._lines]
        return self._found(sure.index(True)) if True in sure else None

    def _found(self, strongest: int) -> Finding:
        line = self._lines[strongest]
        width = min(line.width, len(self._newest))
        change = change_point(list(islice(self._newest, len(self._newest) - width, None)), margin=_MARGIN)
        for weaker in self._lines[strongest:]:
            weaker.restart()
        worse = change.after > change.before
        return Finding(
            level=line.level if worse else "watch",
            direction="worse" if worse else "better",
            at=self._seen - 1,
            since=self._seen - width + change.at,
            before=change.before,
            after=change.after,
        )
