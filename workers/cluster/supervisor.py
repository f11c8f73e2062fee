"""Supervise processes: each in its own session, bound to this one's life, restarted after a crash, stopped warmly.

The watchdog (`workers.cluster.watchdog`) ends a process that lives and does nothing, as patiently as at a stop; it is
started again as after a crash, and its log has a line of it.

A process that never ran is given up after some quick crashes. One that did run is restarted for ever, at most every
half minute: the cause (a broker that refuses, a database that is away) may pass.

A stop signals main processes only, never their groups: a worker's children must finish. A process left after the grace
period is killed with its whole session. Phases stop one after the other, the broker's last.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from workers.base import parent_death_signal
from workers.base.errors import ClusterFailed

#: a process that lived shorter than this many seconds crashed quickly; after so many quick crashes in a row we give up
#: unless it ran well before
QUICK, PATIENCE = 10.0, 5
#: seconds before the first restart, doubled each time, and the most
BACKOFF, BACKOFF_LIMIT = 0.25, 30.0
#: seconds from the warm signal to the cold one (give work back), and from there to the kill
GRACE, COLD_GRACE = 25.0, 5.0
#: a log longer than this many bytes is put aside, as the first of so many; seconds between two looks at its length
LOG_LIMIT, LOG_KEPT, LOG_INTERVAL = 10_000_000, 5, 1.0
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
    #: how often it was ended since it had stopped
    restarts: int = 0
    #: id of the process that is being ended for that, since when (monotonic), and the last signal sent to it
    ending: int | None = None
    ending_since: float = 0.0
    last_signal: int | None = None


@dataclass(slots=True)
class Supervisor:
    """Keep processes running until `stop`. Thread-safe; one thread starts them all, as parent-death signals need."""

    #: where `<name>.log` are written
    logs: Path
    grace: float = GRACE
    _children: dict[str, _Child] = field(default_factory=dict, repr=False)
    _failure: ClusterFailed | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _hurry: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def add(self, spec: ProcessSpec) -> None:
        """Add a process; it is started soon and kept running."""
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        rotate(self._log(spec))
        self._children[spec.name] = _Child(spec, due=time.monotonic() + spec.delay)
        if self._thread is None:
            # a daemon: a runner that forgets to stop us must not hang, and the tethers end the rest
            self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
            self._thread.start()

    def pids(self) -> dict[str, int]:
        """Return the main process id of each running process by name."""
        children = list(self._children.values())
        return {c.spec.name: c.process.pid for c in children if c.process and c.process.returncode is None}

    def check(self) -> None:
        """Return while all is well; raises ClusterFailed when a process crashed again and again from the start."""
        if self._failure:
            raise self._failure

    def proven(self) -> None:
        """Mark the running processes as proven: they are never given up."""
        for child in list(self._children.values()):
            child.proven = child.proven or child.process is not None

    def restart(self, name: str, pid: int, **why: object) -> None:
        """Restart a process that lives and does nothing: stop it warmly, start it as after a crash.

        Harmless when another process runs under the name by now. `why` goes into its log: codes and figures only.
        """
        child = self._children[name]
        if child.ending != pid and self.pids().get(name) == pid:
            child.restarts += 1
            self._log_line(child, "process_restarted", pid=pid, restarts=child.restarts, **why)
            child.ending_since, child.last_signal, child.ending = time.monotonic(), None, pid

    def hasten(self) -> None:
        """Hasten a running stop: workers requeue their tasks at once."""
        self._hurry.set()

    def stop(self) -> None:
        """Stop all processes warmly; return when none is left."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        looked = 0.0
        while not self._stopping.wait(TICK):
            for child in list(self._children.values()):
                self._check_child(child)
            if time.monotonic() - looked >= LOG_INTERVAL:
                looked = time.monotonic()
                for child in list(self._children.values()):
                    rotate(self._log(child.spec))
        children = list(self._children.values())
        for phase in sorted({child.spec.phase for child in children}):
            self._end([child for child in children if child.spec.phase == phase])

    def _check_child(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.due and not self._failure:
                self._spawn(child)
        elif child.process.poll() is not None:
            self._handle_exit(child, now)
        elif child.ending == child.process.pid:
            self._end_stepwise(child, child.process, now - child.ending_since)

    def _spawn(self, child: _Child) -> None:
        spec = child.spec
        tied = (
            sys.executable,
            "-I",
            "-S",
            parent_death_signal.__file__,
            str(int(spec.orphan_signal)),
            str(os.getpid()),
        )
        # appending: a log that is emptied while its process writes goes on at its beginning
        with _private(self._log(spec), "ab") as log:
            child.process = subprocess.Popen(  # noqa: S603 - our own programs
                (*tied, *spec.argv),
                env=None if spec.env is None else dict(spec.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # what it makes in our home is ours alone
                umask=stat.S_IRWXG | stat.S_IRWXO,
            )
        child.born = time.monotonic()

    def _end_stepwise(self, child: _Child, process: subprocess.Popen[bytes], waited: float) -> None:
        if waited > self.grace + COLD_GRACE:
            _kill_session(process)
            return
        signum = signal.SIGTERM if waited <= self.grace else child.spec.cold_signal
        if signum != child.last_signal:
            child.last_signal = signum
            _send(child, signum)

    def _log_line(self, child: _Child, event: str, **facts: object) -> None:
        """Write a line into a process's own log, in its format."""
        line = {**facts, "event": event, "level": "error", "timestamp": datetime.now(UTC).isoformat()}
        with suppress(OSError), _private(self._log(child.spec), "ab") as log:
            log.write(json.dumps(line).encode() + b"\n")

    def _handle_exit(self, child: _Child, now: float) -> None:
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
    """Kill what is left of a process's session, the process included, and wait for it."""
    for pid in session_members(process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if sys.platform != "linux":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def session_members(session: int) -> Iterator[int]:
    """Return the processes of a session (Linux; elsewhere none)."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # the name in parentheses may hold anything; after it: state, parent, group, session
            if int(entry.read_text().rpartition(")")[2].split()[3]) == session:
                yield int(entry.parent.name)


def rotate(log: Path) -> None:
    """Rotate a long log while its process goes on writing: copy it, then empty it.

    No line is cut in two. A line written between the copy and the emptying is lost: the price for processes that need
    not know of the rotation.
    """
    try:
        if log.stat().st_size > LOG_LIMIT:
            _put_aside(log)
    except OSError:
        # gone, or no room for the copy: the next look tries again
        with suppress(OSError):
            log.with_suffix(".log.0").unlink()


def _put_aside(log: Path) -> None:
    draft = log.with_suffix(".log.0")
    with log.open("r+b") as written, _private(draft, "wb") as copy:
        if (excess := log.stat().st_size - 2 * LOG_LIMIT) > 0:
            written.seek(excess)
            written.readline()
        rest = _copy_lines(written.read(), copy)
        for number in range(LOG_KEPT, 1, -1):
            with suppress(FileNotFoundError):
                log.with_suffix(f".log.{number - 1}").replace(log.with_suffix(f".log.{number}"))
        draft.replace(log.with_suffix(".log.1"))
        # a line that is being written is a moment from its end; one that never ends is what a killed process left
        for _ in range(100):
            rest = _copy_lines(rest + written.read(), copy)
            if not rest:
                break
            time.sleep(0.001)
        copy.write(rest)
        written.truncate(0)


def _copy_lines(text: bytes, copy: BinaryIO) -> bytes:
    """Copy all complete lines; leave a started one."""
    end = text.rfind(b"\n") + 1
    copy.write(text[:end])
    copy.flush()
    return text[end:]


def _private(path: Path, mode: str) -> BinaryIO:
    return cast("BinaryIO", open(path, mode, opener=lambda name, flags: os.open(name, flags, 0o600)))
