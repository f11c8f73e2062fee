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
#: usual: every row that is known. recent: the newest rows alone. as_champion: every row, with the hyperparameters that
#: a search found for the champion
Challenger = Literal["usual", "recent", "as_champion"]
#: one challenger: not landed, trained, not wanted, failed
ChallengerStep = Literal["pending", "trained", "skipped", "failed"]

#: how long a run may take before it is closed and another may start
LONGEST = timedelta(hours=2)
#: between two turns of a tenant
TURN = timedelta(days=7)
#: days that `recent` learns from, where the tenant chose no other and no drift says since when things are different
RECENT_DAYS = 180
#: days for which the scores of a former champion are stored beside those of the one that replaced it
WATCHED_DAYS = 90

_EPOCH = datetime.fromtimestamp(0, UTC)
_MINUTE = timedelta(minutes=1)


def turn_of(tenant_id: str, now: datetime) -> datetime:
    """Return when the tenant's newest turn came: the same minute of each week, by a hash of the tenant's id.

    So tenants of one database do not train at once, and each keeps its own minute.

    >>> now = datetime(2026, 12, 1, tzinfo=UTC)
    >>> turn_of("acme", now) <= now < turn_of("acme", now) + TURN
    True
    >>> turn_of("acme", now + TURN) - turn_of("acme", now) == TURN
    True
    >>> len({turn_of(f"tenant {number}", now) for number in range(300)}) > 280
    True
    """
    number = int.from_bytes(hashlib.sha256(tenant_id.encode()).digest()[:8], "big")
    offset = number % (TURN // _MINUTE) * _MINUTE
    return now - (now - _EPOCH - offset) % TURN
