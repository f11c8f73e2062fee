"""A circuit breaker around one tenant's CRM: after failures in a row nothing is sent for a while."""

from __future__ import annotations

from collections.abc import Callable

from pybreaker import CircuitBreaker, CircuitBreakerError

from workers.delivery.sender.verdicts import Verdict


class _FailedError(Exception):
    """Tells the breaker of a failure; the verdict itself is kept beside it."""


class Breaker:
    """pybreaker with verdicts instead of exceptions."""

    def __init__(self, *, failures: int, open_for: float) -> None:
        self._breaker = CircuitBreaker(fail_max=failures, reset_timeout=open_for, throw_new_error_on_trip=False)

    @property
    def is_open(self) -> bool:
        """Return whether it opened; it lets one request through when its time is over."""
        return bool(self._breaker.current_state == "open")

    def call(self, attempt: Callable[[], Verdict]) -> Verdict | None:
        """Return the verdict of an attempt; None where the breaker is open, and nothing was tried."""
        verdicts: list[Verdict] = []

        def tried() -> None:
            verdicts.append(attempt())
            if verdicts[0].is_failure:
                raise _FailedError

        try:
            self._breaker.call(tried)
        except (_FailedError, CircuitBreakerError):
            return verdicts[0] if verdicts else None
        return verdicts[0]

    def trip(self) -> None:
        """Open it at once: no request of this tenant can succeed."""
        self._breaker.open()
