"""Runs processes: each in a session of its own, tethered to this one, restarted after a crash, stopped warmly.

What never ran is given up after some quick crashes; what once did is started again for ever, at most every half minute:
whatever ended it (a broker that refuses, a database that is away) may pass.

A stop goes to main processes only, never to their groups: a worker's children must finish. Who is left after the grace
is killed with its whole session. Phases stop one after the other, the broker's last.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from workers import tether
from workers.errors import ClusterFailed

#: a process that lived shorter than this many seconds crashed quickly; after so many quick crashes in a row we give up
#: unless it ran well before
QUICK, PATIENCE = 10.0, 5
#: seconds before the first restart, doubled each time, and the most
BACKOFF, BACKOFF_LIMIT = 0.25, 30.0
#: seconds from the warm signal to the cold one (give work back), and from there to the kill
GRACE, COLD_GRACE = 25.0, 5.0
#: a log longer than this many bytes is put aside at start
LOG_LIMIT = 5_000_000
#: seconds between two looks at the processes
TICK = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """A process to run. Secrets go into `env`: everybody can read `argv`."""

    name: str
    argv: tuple[str, ...]
    #: the whole environment; None: ours. It holds secrets, so it is not shown
    env: Mapping[str, str] | None = field(default=None, repr=False)
    #: what the kernel sends it when we are gone (Linux)
    orphan_signal: int = signal.SIGKILL
    #: what asks it to give its work back when warm patience ends
    cold_signal: int = signal.SIGTERM
    #: lower ones are stopped first
    phase: int = 0
    #: seconds before its first start, for what others should not have to wait for
    delay: float = 0.0


@dataclass(slots=True)
class _Child:
    spec: ProcessSpec
    process: subprocess.Popen[bytes] | None = None
    born: float = 0.0
    crashes: int = 0
    #: whether it ever ran well
    proven: bool = False
    #: monotonic time of the next start
    due: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps processes running until `stop`. Thread-safe; processes belong to its one thread, as tethers need."""

    #: where `<name>.log` are written
    logs: Path
    grace: float = GRACE
    _children: dict[str, _Child] = field(default_factory=dict, repr=False)
    _failure: ClusterFailed | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _hurry: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def add(self, spec: ProcessSpec) -> None:
        """Start a process soon and keep it running."""
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        _put_aside(self._log(spec))
        self._children[spec.name] = _Child(spec, due=time.monotonic() + spec.delay)
        if self._thread is None:
            # a daemon: a runner that forgets to stop us must not hang, and the tethers end the rest
            self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
            self._thread.start()

    def pids(self) -> dict[str, int]:
        """The main process of each that runs now."""
        children = list(self._children.values())
        return {c.spec.name: c.process.pid for c in children if c.process and c.process.returncode is None}

    def check(self) -> None:
        """Return while all is well; raises ClusterFailed when a process crashed again and again from the start."""
        if self._failure:
            raise self._failure

    def proven(self) -> None:
        """Whoever runs now did what it is for: it is never given up again."""
        for child in list(self._children.values()):
            child.proven = child.proven or child.process is not None

    def hasten(self) -> None:
        """Make a running stop impatient: work is given back at once."""
        self._hurry.set()

    def stop(self) -> None:
        """Stop all warmly; returns when nothing is left."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(TICK):
            for child in list(self._children.values()):
                self._tend(child)
        children = list(self._children.values())
        for phase in sorted({child.spec.phase for child in children}):
            self._end([child for child in children if child.spec.phase == phase])

    def _tend(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.due and not self._failure:
                self._spawn(child)
        elif child.process.poll() is not None:
            self._bury(child, now)

    def _spawn(self, child: _Child) -> None:
        spec = child.spec
        tied = (sys.executable, "-I", "-S", tether.__file__, str(int(spec.orphan_signal)), str(os.getpid()))
        with self._log(spec).open("ab") as log:
            child.process = subprocess.Popen(  # noqa: S603 - our own programs
                (*tied, *spec.argv),
                env=None if spec.env is None else dict(spec.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        child.born = time.monotonic()

    def _bury(self, child: _Child, now: float) -> None:
        assert child.process is not None
        _kill_session(child.process)
        code, child.process = child.process.returncode, None
        quick = now - child.born < QUICK
        child.proven = child.proven or not quick
        child.crashes = child.crashes + 1 if quick else 1
        child.due = now + min(BACKOFF * 2 ** min(child.crashes - 1, 16), BACKOFF_LIMIT)
        if child.crashes >= PATIENCE and not child.proven:
            name, log = child.spec.name, self._log(child.spec)
            self._failure = ClusterFailed(f"{name} ended {child.crashes} times in a row (last code {code}): see {log}")

    def _end(self, children: list[_Child]) -> None:
        alive = [c for c in children if c.process]
        steps = ((signal.SIGTERM, self.grace), (None, COLD_GRACE))
        for signum, patience in steps:
            for child in alive:
                _send(child, signum or child.spec.cold_signal)
            deadline = time.monotonic() + patience
            while any(_lives(c) for c in alive) and time.monotonic() < deadline:
                if signum and self._hurry.is_set():
                    break
                time.sleep(TICK)
        for child in alive:
            assert child.process is not None
            _kill_session(child.process)

    def _log(self, spec: ProcessSpec) -> Path:
        return self.logs / f"{spec.name}.log"


def _lives(child: _Child) -> bool:
    return child.process is not None and child.process.poll() is None


def _send(child: _Child, signum: int) -> None:
    if _lives(child):
        assert child.process is not None
        child.process.send_signal(signum)


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    """Kill all that is left of a process's session, itself included, and wait for it."""
    for pid in session_members(process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if sys.platform != "linux":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def session_members(session: int) -> Iterator[int]:
    """The processes of a session (Linux; elsewhere none are known)."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # the name in parentheses may hold anything; after it: state, parent, group, session
            if int(entry.read_text().rpartition(")")[2].split()[3]) == session:
                yield int(entry.parent.name)


def _put_aside(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
