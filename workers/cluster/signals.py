"""Signals of the runner: SIGINT, SIGTERM and SIGHUP all lead to the warm stop, a further one hastens it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Turns signals into exceptions of the main thread, and into haste once the stop has begun."""

    def __init__(self, hasten: Callable[[], None]) -> None:
        self._hasten = hasten
        self._stopping = False
        self._previous: dict[signal.Signals, Any] = {}

    def install(self) -> None:
        """Take the signals over; outside the main thread, which alone gets signals, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            return
        for signum in _ENDING:
            # under nohup a hang-up is to be ignored
            if not (signum == signal.SIGHUP and signal.getsignal(signum) == signal.SIG_IGN):
                self._previous[signum] = signal.signal(signum, self._on_signal)

    def stopping(self) -> None:
        """From now on signals hasten."""
        self._stopping = True

    def restore(self) -> None:
        """Give the signals back."""
        while self._previous and threading.current_thread() is threading.main_thread():
            signal.signal(*self._previous.popitem())

    def _on_signal(self, signum: int, _frame: object) -> None:
        if self._stopping:
            self._hasten()
        elif signum == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + signum)
