"""How often each key may ask: a bucket of tokens per key, kept as the one moment at which it is full again."""

from __future__ import annotations


class RateLimiter:
    """A bucket per key of this process: it holds one second's worth of requests, at least one; each takes one.

    At most `most` buckets are kept; the one that was used longest ago goes first, and it is full by then unless that
    many keys ask within a second.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        #: key id -> when its bucket is full again, the one used last at the end
        self._full_at: dict[str, float] = {}

    def wait(self, key_id: str, rate: float, now: float) -> float | None:
        """Take one request from the key's bucket; return the seconds to wait, or None where it may go on.

        `rate` is in requests a second, over 0; `now` is in seconds of a monotonic clock. A request that has to wait
        takes nothing.
        """
        size = max(rate, 1.0)
        full_at = max(self._full_at.pop(key_id, now), now)
        # a bucket that holds less than one request is full only after (size - 1) / rate seconds
        early = (full_at - now) - (size - 1.0) / rate
        allowed = early <= _ROUNDING
        self._full_at[key_id] = full_at + 1.0 / rate if allowed else full_at
        if len(self._full_at) > self._most:
            del self._full_at[next(iter(self._full_at))]
        return None if allowed else early


#: seconds by which sums of floats may be off
_ROUNDING = 1e-9
