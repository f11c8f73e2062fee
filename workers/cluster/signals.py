"""Handle the runner's signals: SIGINT, SIGTERM and SIGHUP start the warm stop, a further one hastens it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

#: what stands for a signal before ours: a function, SIG_IGN or SIG_DFL, or None for one that Python did not set
Handler = Callable[[int, FrameType | None], object] | int | None

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Turn signals into exceptions of the main thread, and hasten a stop that has begun."""

    def __init__(self, hasten: Callable[[], None]) -> None:
        self._hasten = hasten
        self._stopping = False
        self._previous: dict[signal.Signals, Handler] = {}

    def install(self) -> None:
        """Install the handlers; do nothing outside the main thread, which alone gets signals."""
        if threading.current_thread() is not threading.main_thread():
            return
        for signum in _ENDING:
            # under nohup a hang-up is to be ignored
            if not (signum == signal.SIGHUP and signal.getsignal(signum) == signal.SIG_IGN):
                self._previous[signum] = signal.signal(signum, self._on_signal)

    def stopping(self) -> None:
        """Let signals hasten the stop from now on."""
        self._stopping = True

    def restore(self) -> None:
        """Restore the former handlers."""
        while self._previous and threading.current_thread() is threading.main_thread():
            signal.signal(*self._previous.popitem())

    def _on_signal(self, signum: int, _frame: object) -> None:
        if self._stopping:
            self._hasten()
        elif signum == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + signum)
