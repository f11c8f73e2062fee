"""The bands of a lead's score and the probabilities at which they begin."""

from __future__ import annotations

from typing import Final, Literal, get_args

Band = Literal["hot", "warm", "cold"]
BANDS: tuple[Band, ...] = get_args(Band)
#: where a band begins unless the tenant chose otherwise; what lies below is cold
HOT: Final = 0.60
WARM: Final = 0.30
