"""Spend the risk of a false promotion over repeated looks: each comparison with one champion is a look.

A test at 5 % each week promotes an equal challenger in 93 of 100 years. Here all looks at one champion, whatever
challengers they are about and however often they come, share one risk (alpha spending: Lan and DeMets 1983), and their
levels add up to no more than it. The sum bounds the risk whatever the looks have in common.
"""

from __future__ import annotations

from dataclasses import dataclass

#: the risk that any of all looks at a champion promotes a challenger that is no better
RISK = 0.05
#: what the first look may spend: a tenant's first model mostly has one look, at the written scorecard
_FIRST = 0.02
#: looks after which half of the rest is spent: half a year of weekly ones
_HALF = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One comparison with the present champion, counted since that champion was promoted.

    >>> Look(number=1).level, round(Look(number=2).level, 6), round(Look(number=52).spent, 4)
    (0.02, 0.001111, 0.0399)
    """

    #: from 1
    number: int

    @property
    def level(self) -> float:
        """Return the risk that this look may take: the p-value at which it promotes."""
        return self.spent - Look(number=self.number - 1).spent if self.number > 1 else _FIRST

    @property
    def spent(self) -> float:
        """Return the risk that this look and all before it have taken; it never reaches RISK."""
        return _FIRST + (RISK - _FIRST) * (1 - _HALF / (self.number - 1 + _HALF))


#: the look that a comparison is when it stands alone
FIRST_LOOK = Look(number=1)
