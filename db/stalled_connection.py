"""A PostgreSQL connection that detects a stalled server instead of waiting for ever.

A proxy or firewall may keep a connection open without forwarding it any more; it then answers TCP keepalives itself.
So after some seconds of silence a second connection asks the server what the first one's session does: when it has
been idle for a while, its answer or our statement was lost. When the server cannot be asked either, the wait ends a
little later than `statement_timeout` should have ended the statement.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.rows import TupleRow

#: seconds of silence until the server is asked by another connection, and between two such questions
ASK = 10.0
#: seconds beyond the server's own statement timeout after which the wait ends
MARGIN = 10.0
#: ends the lost session, which would keep its locks; an answer is under way for two seconds at most
_LOST = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid = %s AND usename = current_user AND state LIKE 'idle%%' AND state_change < clock_timestamp() - interval '2 s'
"""


class _BoundedConnection(psycopg.Connection[TupleRow]):
    """A psycopg connection whose waits end after some seconds of silence."""

    #: seconds; None: no limit
    limit: float | None = 5.0

    def wait(self, gen: PQGen[RV], *arguments: Any, **options: Any) -> RV:
        """Wait for the server as psycopg does, but not for ever.

        Raises:
            psycopg.OperationalError: the connection is lost; it is closed.

        """
        return super().wait(self._watched(gen), *arguments, **options)

    def _watched(self, gen: PQGen[RV]) -> PQGen[RV]:
        step = min(ASK, self.limit or ASK)
        last_answer = last_check = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    last_answer = last_check = now
                elif now >= last_check + step:
                    self._look(now - last_answer)
                    last_check = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            value: RV = end.value
            return value

    def _look(self, silence: float) -> None:
        """Return where waiting on is useful; close the connection and raise OperationalError where it is not."""
        if self._is_lost() or (self.limit is not None and silence >= self.limit):
            self.close()
            raise psycopg.OperationalError(f"the server said nothing for {silence:.0f} s")

    def _is_lost(self) -> bool:
        return False


class WatchedConnection(_BoundedConnection):
    """A connection that also asks the server, by a second connection, what became of its session."""

    #: the arguments that reach the same server again
    way: dict[str, Any]

    @classmethod
    def open(cls, *arguments: Any, statement_timeout: float, **way: Any) -> WatchedConnection:
        """Connect; `statement_timeout` is the server's limit in seconds, 0 for none."""
        connection = cls.connect(*arguments, **way)
        connection.way = {**way, "autocommit": True, **({"conninfo": arguments[0]} if arguments else {})}
        connection.limit = statement_timeout + MARGIN if statement_timeout else None
        return connection

    def _is_lost(self) -> bool:
        """Return whether the server's session has been idle for a while; False where that cannot be found out."""
        try:
            with _BoundedConnection.connect(**self.way) as other:
                return other.execute(_LOST, [self.info.backend_pid]).fetchone() is not None
        except psycopg.Error:
            return False
