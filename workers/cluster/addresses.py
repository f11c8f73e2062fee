"""Keep the ports and passwords of an embedded cluster between its starts, so that the addresses of callers hold."""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from domain.documents import JsonObject
from workers.base import atomic_files
from workers.base.settings import Settings

Notice = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The ports on 127.0.0.1 and the passwords of one home's cluster, in its file `addresses.json` (mode 0600).

    One process at a time uses a home's addresses: the one that holds the lock of its cluster.
    """

    path: Path
    #: called when a port is another than at the last start
    notice: Notice = print
    #: seconds that a port has to become free: the broker of a runner that was killed ends a moment later
    patience: float = 2.0

    @classmethod
    def of(cls, settings: Settings, notice: Notice = print) -> Addresses:
        """Return the addresses of settings.home."""
        return cls(path=settings.home / "addresses.json", notice=notice)

    def port(self, name: str) -> int:
        """Return the port that `name` had last if it is free, else a free one, which it has from now on."""
        kept = self._read()["ports"].get(name)
        if isinstance(kept, int) and self._becomes_free(kept):
            return kept
        port = free_port()
        self._keep("ports", name, port)
        if kept is not None:
            self.notice(f"{name}: port {kept} is taken by another program, so it has port {port} from now on")
        return port

    def password(self, name: str) -> SecretStr:
        """Return the password of `name`, made at the first start."""
        kept = self._read()["passwords"].get(name)
        if not isinstance(kept, str) or not kept:
            kept = secrets.token_urlsafe(32)
            self._keep("passwords", name, kept)
        return SecretStr(kept)

    def _becomes_free(self, port: int) -> bool:
        deadline = time.monotonic() + self.patience
        while not (free := _is_free(port)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return free

    def _read(self) -> dict[str, JsonObject]:
        """Return what is kept; nothing where the file is gone or is none of ours."""
        try:
            kept = json.loads(self.path.read_text())
            return {part: dict(kept[part]) for part in ("ports", "passwords")}
        except (OSError, ValueError, KeyError, TypeError):
            return {"ports": {}, "passwords": {}}

    def _keep(self, part: str, name: str, value: int | str) -> None:
        kept = self._read()
        kept[part][name] = value
        atomic_files.replace(self.path, json.dumps(kept))


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # as servers do: connections that have just ended do not keep the port
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True
