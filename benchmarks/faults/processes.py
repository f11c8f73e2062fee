"""The processes of a site: started, killed with their children, frozen, restarted; nothing restarts by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from workers.base import parent_death_signal
from workers.cluster.supervisor import ProcessSpec, session_members

#: seconds that a process gets to end after SIGTERM
GRACE = 40.0


@dataclass(slots=True, kw_only=True)
class Processes:
    """Real processes by name."""

    logs: Path
    specs: dict[str, ProcessSpec] = field(default_factory=dict)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def add(self, spec: ProcessSpec) -> None:
        """Know how to start it."""
        self.specs[spec.name] = spec

    def start(self, *names: str, env: Mapping[str, str] | None = None) -> None:
        """Start processes that do not run, from the main thread; `env` adds to their environment."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for name in names:
            self._running[name] = self._spawn(self.specs[name], env or {})

    def pid(self, name: str) -> int:
        """The main process."""
        return self._running[name].pid

    def children(self, name: str) -> list[int]:
        """The other processes of its session."""
        return [pid for pid in session_members(self.pid(name)) if pid != self.pid(name)]

    def alive(self, name: str) -> bool:
        """Whether it runs."""
        return name in self._running and self._running[name].poll() is None

    def kill(self, *names: str) -> None:
        """SIGKILL, to the children and all, at once."""
        pids = [pid for name in names if name in self._running for pid in session_members(self.pid(name))]
        send(pids, signal.SIGKILL)
        for name in names:
            self._running.pop(name).wait()

    def signal(self, name: str, signum: int) -> None:
        """A signal to the main process alone."""
        send([self.pid(name)], signum)

    def freeze(self, name: str) -> None:
        """Stop the whole session in its tracks."""
        send(session_members(self.pid(name)), signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let it go on."""
        send(session_members(self.pid(name)), signal.SIGCONT)

    def wait(self, name: str, seconds: float = GRACE) -> bool:
        """Whether it ends in time; what is left of it is killed."""
        try:
            self._running[name].wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill(name)
            return False
        send(session_members(self.pid(name)), signal.SIGKILL)
        del self._running[name]
        return True

    def revive(self) -> list[str]:
        """Start again what ended by itself, as a service manager does; gives the names."""
        dead = [name for name in self._running if not self.alive(name)]
        self.kill(*dead)
        self.start(*dead)
        return dead

    def stop(self) -> None:
        """End all, whatever state they are in; the broker last."""
        names = sorted(self._running, key=lambda name: self.specs[name].phase)
        for name in names:
            self.kill(name)

    def _spawn(self, spec: ProcessSpec, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        tied = (sys.executable, "-I", "-S", parent_death_signal.__file__, str(int(signal.SIGKILL)), str(os.getpid()))
        whole = {**(os.environ if spec.env is None else spec.env), **env}
        with (self.logs / f"{spec.name}.log").open("ab") as log:
            return subprocess.Popen(
                (*tied, *spec.argv), env=whole, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )


def send(pids: Iterable[int], signum: int) -> None:
    """A signal to those that still are there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signum)


def gone(pid: int, seconds: float) -> bool:
    """Whether a process that is not our child ends in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False
