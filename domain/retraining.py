"""The words of retraining: why it starts, how far it is, what comes of it, and when a tenant's turn comes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Literal

#: a week's turn; a drift check that says `retrain`; somebody asked
RetrainingCause = Literal["schedule", "drift", "request"]
#: running, or one of the ends: a challenger answers; it scores beside the champion; a person is asked; none was good
#: enough; too few labels; a stage failed; its time was over
RetrainingState = Literal["running", "promoted", "shadow", "asked", "refused", "too_few_labels", "failed", "late"]
#: how the members' hyperparameters are chosen: as always, or as those of the champion
Challenger = Literal["usual", "as_champion"]
#: one challenger: not landed, trained, not wanted, failed
ChallengerStep = Literal["pending", "trained", "skipped", "failed"]

#: how long a run may take before it is closed and another may start
LONGEST = timedelta(hours=2)
#: between two turns of a tenant
TURN = timedelta(days=7)
#: days for which the scores of a former champion are stored beside those of the one that replaced it
WATCHED_DAYS = 90

_EPOCH = datetime.fromtimestamp(0, UTC)
_HOUR = timedelta(hours=1)


def is_turn(tenant_id: str, now: datetime) -> bool:
    """Return whether the hour of `now` is the tenant's turn of the week.

    Turns are spread over the hours of the week by a hash of the tenant's id, so that tenants of one database do not
    train at once, and each keeps its own.

    >>> hours = [_EPOCH + _HOUR * hour for hour in range(168)]
    >>> sum(is_turn("acme", hour) for hour in hours)
    1
    >>> len({next(at for at in range(168) if is_turn(f"t{n}", hours[at])) for n in range(200)}) > 100
    True
    """
    return (now - _EPOCH) // _HOUR % (TURN // _HOUR) == _number(tenant_id) % (TURN // _HOUR)


def jitter(tenant_id: str) -> float:
    """Return the seconds after which a tenant's run begins within its hour, 0 to 3,300."""
    return float(_number(tenant_id) // (TURN // _HOUR) % 3301)


def _number(tenant_id: str) -> int:
    return int.from_bytes(hashlib.sha256(tenant_id.encode()).digest()[:8], "big")
