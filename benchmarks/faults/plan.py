"""One round of a fault: where, how hard, and with which luck."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from benchmarks.faults.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a fault gets."""

    site: Site
    random: Random
    number: int
    #: jobs a second
    rate: int = 100
    #: seconds of work before the fault strikes
    seconds: float = 3.0
    #: seconds that accepted work gets to end
    patience: float = 75.0
    #: False: the waits that the long form has are cut short
    whole: bool = True
    #: rows of a file
    rows: int = 1_000_000
