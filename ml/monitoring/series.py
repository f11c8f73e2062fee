"""Drift within a window: the errors of scores, and each feature, played through detectors in the order they came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ml.arrays import Floats
from ml.monitoring.detectors import RETRAIN_DELTA, WARNING_DELTA, DriftDetector, Finding
from ml.monitoring.reference import Spread
from ml.profiles import Value


def drift(errors: Iterable[float]) -> list[Finding]:
    """Return what is found in errors of 0 to 1 in the order in which their labels came.

    >>> [finding.level for finding in drift([0.0] * 300 + [1.0] * 100)][-1]
    'retrain'
    """
    detector = DriftDetector()
    return [finding for error in errors if (finding := detector.update(error)) is not None]


def feature_drift(
    spreads: Mapping[str, Spread], columns: Mapping[str, Sequence[Value | None]]
) -> dict[str, list[Finding]]:
    """Return what is found in features in the order of their rows, by feature; those without a finding are left out.

    The significance is divided by the number of features: of a hundred, one would always seem to drift. Directions of
    these findings say whether values are higher (`worse`) or lower, not what that means for the model.
    """
    names = [name for name in spreads if name in columns]
    found: dict[str, list[Finding]] = {}
    for name in names:
        detector = DriftDetector(retrain=RETRAIN_DELTA / len(names), warning=WARNING_DELTA / len(names))
        told = [detector.update(place) for place in places(spreads[name], columns[name]).tolist()]
        findings = [finding for finding in told if finding is not None]
        if findings:
            found[name] = findings
    return found


def places(spread: Spread, cells: Sequence[Value | None]) -> Floats:
    """Return values as detectors read them, 0 to 1; missing ones are left out.

    A number is where it lies in its reference: the share of rows below it. A level is its error in training, from the
    lowest to the highest of all levels, since levels have no order of their own.

    >>> places(Spread(borders=(1.0, 2.0), counts=(2, 4, 2, 0, 0), losses=(0.1,) * 5), [0.5, 1.5, None, 9.0]).tolist()
    [0.125, 0.5, 0.875]
    """
    parts = spread.parts(cells)
    parts = parts[parts < len(spread.counts) - 1]
    if spread.levels:
        losses = np.asarray(spread.losses, dtype=np.float64)
        heights = (losses - losses.min()) / (np.ptp(losses) or 1.0)
    else:
        counts = np.asarray(spread.counts[:-1], dtype=np.float64)
        heights = (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1.0)
    return np.asarray(heights[parts], dtype=np.float64)
