"""A TCP proxy that can stop forwarding without a word: what a half-open connection looks like from both ends."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

Address = tuple[str, int] | Path


class Proxy:
    """Forwards 127.0.0.1:`port` to a target until `stall`; connections made after that work again."""

    def __init__(self, target: Address) -> None:
        self._target = target
        self._stalled = threading.Event()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def stall(self) -> None:
        """Forward nothing more on the connections there are; they stay open."""
        self._stalled.set()
        self._stalled = threading.Event()

    def close_door(self) -> None:
        """Take no new connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        """Close everything."""
        for end in (self._listener, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._join(near, self._stalled)

    def _join(self, near: socket.socket, stalled: threading.Event) -> None:
        try:
            far = _connect(self._target)
        except OSError:
            near.close()
            return
        self._open += [near, far]
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=_pump, args=(source, sink, stalled), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, stalled: threading.Event) -> None:
    how = socket.SHUT_RDWR
    with suppress(OSError):
        while data := source.recv(65536):
            if stalled.is_set():
                return
            sink.sendall(data)
        how = socket.SHUT_WR
    if not stalled.is_set():
        # a reset is passed on as well: else the database would keep a dead worker's transaction, and its locks
        with suppress(OSError):
            sink.shutdown(how)


def _connect(target: Address) -> socket.socket:
    if isinstance(target, Path):
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(str(target))
        except OSError:
            far.close()
            raise
        return far
    return socket.create_connection(target)
