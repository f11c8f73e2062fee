"""The hyperparameters that a search tries, each with its range: read from `space.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ml.ensemble.options import LIMITS
from ml.ensemble.stacking import LR
from ml.errors import CatalogueError

_FILE = Path(__file__).with_name("space.toml")
#: significant digits of a value: what people read in a report is what was tried
DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One hyperparameter and the range in which it is searched. Raises CatalogueError where no member accepts it."""

    #: a field of `EnsembleOptions`
    name: str
    #: the member that it is of: lr, gb, rf
    member: str
    low: float
    high: float
    #: whether each tenfold counts alike
    log: bool = False
    #: whether only whole numbers are tried
    whole: bool = False

    def __post_init__(self) -> None:
        """Check the range against what members accept."""
        low, high = LIMITS.get(self.name, (0.0, -1.0))
        if not low <= self.low < self.high <= high:
            raise CatalogueError(f"space.toml: {self.name} is no option, or its range is not one that members accept")

    def rounded(self, value: float) -> float:
        """Return a value as it is tried: whole, or of four significant digits, within the range.

        >>> Parameter(name="penalty", member="lr", low=0.001, high=10.0).rounded(0.0123456)
        0.01235
        """
        if self.whole:
            return int(min(max(round(value), self.low), self.high))
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)


Space = tuple[Parameter, ...]


@cache
def everything() -> Space:
    """Return every hyperparameter that can be searched."""
    sections: Mapping[str, Mapping[str, object]] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(_parameter(name, section) for name, section in sections.items())


def space_of(*, trees: bool) -> Space:
    """Return what is worth searching: where no trees are fitted, the linear member's alone.

    >>> [parameter.name for parameter in space_of(trees=False)]
    ['penalty']
    """
    return everything() if trees else tuple(each for each in everything() if each.member == LR)


def _parameter(name: str, section: Mapping[str, object]) -> Parameter:
    match section:
        case {"member": str(member), "low": float() | int() as low, "high": float() | int() as high}:
            return Parameter(
                name=name,
                member=member,
                low=low,
                high=high,
                log=section.get("scale") == "log",
                whole=section.get("whole") is True,
            )
        case _:
            raise CatalogueError(f"space.toml: {name} needs member, low and high")
