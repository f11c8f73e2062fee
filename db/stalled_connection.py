"""A PostgreSQL connection that does not wait for ever: a server that says nothing is asked elsewhere.

A proxy or firewall between us may keep a connection open that nobody forwards any more; TCP's own keepalives are then
answered by it. So a wait without a word leads to a second connection that asks what the first one's session does:
when it has long been idle, its answer or our statement was lost. When nobody can be asked, what the server should have
ended by `statement_timeout` ends here a little later.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg

#: seconds without a word until the server is asked by another connection, and between two such questions
ASK = 10.0
#: seconds beyond the server's own limit of a statement after which nobody waits any more
MARGIN = 10.0
#: … ends the lost session, which would keep its locks. Its answer is on its way no longer than two seconds
_LOST = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid = %s AND usename = current_user AND state LIKE 'idle%%' AND state_change < clock_timestamp() - interval '2 s'
"""


class _BoundedConnection(psycopg.Connection[Any]):
    """A connection of psycopg whose waits end after some seconds without a word."""

    #: None: no end
    limit: float | None = 5.0

    def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
        """Wait for the server as psycopg does, and not for ever.

        Raises:
            psycopg.OperationalError: the connection is lost; it is closed.

        """
        return super().wait(self._watched(gen), *arguments, **options)

    def _watched(self, gen: Any) -> Generator[Any, Any, Any]:
        step = min(ASK, self.limit or ASK)
        heard = asked = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    heard = asked = now
                elif now >= asked + step:
                    self._look(now - heard)
                    asked = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value

    def _look(self, silence: float) -> None:
        """Go on, or raise OperationalError when there is no use in it."""
        if self._is_lost() or (self.limit is not None and silence >= self.limit):
            self.close()
            raise psycopg.OperationalError(f"the server said nothing for {silence:.0f} s")

    def _is_lost(self) -> bool:
        return False


class WatchedConnection(_BoundedConnection):
    """One that also asks the server by another connection what became of it."""

    #: how to reach the same server again
    way: dict[str, Any]

    @classmethod
    def open(cls, *arguments: Any, statement_timeout: float, **way: Any) -> WatchedConnection:
        """Connect; `statement_timeout` is the server's limit in seconds, 0 for none."""
        made = cls.connect(*arguments, **way)
        made.way = {**way, "autocommit": True, **({"conninfo": arguments[0]} if arguments else {})}
        made.limit = statement_timeout + MARGIN if statement_timeout else None
        return made

    def _is_lost(self) -> bool:
        """Whether the server has long done with us; unknown counts as no."""
        try:
            with _BoundedConnection.connect(**self.way) as other:
                return other.execute(_LOST, [self.info.backend_pid]).fetchone() is not None
        except psycopg.Error:
            return False
