"""The leads whose band another model would change, in answers and events."""

from __future__ import annotations

from tasks.contracts.base.published import Count, Probability, Published


class BandsChanged(Published):
    """Open leads whose band would be another one if a new model scored them."""

    #: of the leads that were compared
    share: Probability
    up: Count
    down: Count
    #: leads that were compared
    leads: Count
