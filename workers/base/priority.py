"""Let a process yield the processor to those that somebody waits for: the gateway, the broker, the database."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

#: Linux shares the processor between sessions first, and a nice value counts only within one; this is the session's own
_SESSION = Path("/proc/self/autogroup")
#: the nicest value that there is
_MOST = 19


def yield_processor(steps: int) -> None:
    """Make this process and its future children nicer by so many steps, from 0 to 19; harmless where it is refused."""
    if steps <= 0:
        return
    nice = min(os.nice(steps), _MOST)
    # not on every system, and the session belongs to whoever leads it
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            _SESSION.write_text(str(nice))
