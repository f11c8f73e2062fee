"""How many requests a CRM still takes: in any window of some seconds, and in a day."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from tasks.crm.adapter import CrmApi, Remaining


@dataclass(slots=True)
class RateLimit:
    """A sliding window over the requests of one account; times are seconds of any one clock."""

    api: CrmApi
    _sent: deque[float] = field(default_factory=deque)
    #: nothing before this time
    _not_before: float = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until the next request may go; 0 = now."""
        while self._sent and self._sent[0] <= now - self.api.window:
            self._sent.popleft()
        full = len(self._sent) >= self.api.per_window
        free_at = self._sent[0] + self.api.window if full else now
        return max(free_at, self._not_before, now) - now

    def count(self, now: float) -> None:
        """Count a request that goes now."""
        self._sent.append(now)

    def heed(self, remaining: Remaining, now: float) -> None:
        """Take what the CRM says is left: others may send for the same account."""
        if remaining.in_window is not None and remaining.in_window <= 0:
            self._not_before = max(self._not_before, now + self.api.window)
