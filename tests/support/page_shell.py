"""A terminal as the reader of a page has it: one shell, and one Python session, into which blocks are pasted."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support.commands import wait_until
from workers.cluster.addresses import free_port

PYTHON = Path(__file__).with_name("page_python.py")
#: `make` takes the environment that is linked as ready; `pip` is that of an environment that the reader has activated
PROFILE = """\
make() { command make -o .venv/ready "$@"; }
pip() { "$PAGES_PIP" "$@"; }
"""


class PageFailed(AssertionError):
    """A block did not do what its page says."""


@dataclass(slots=True)
class Running:
    """A command that runs until it is stopped, as a person leaves it in a second terminal."""

    process: psutil.Process
    log: Path

    def stop(self, patience: float = 60.0) -> None:
        """SIGTERM to the command itself: the shell around it only waits."""
        told = [self.process]
        while told and all(each.name() == "bash" for each in told):
            told = [child for each in told for child in each.children()]
        for each in told:
            each.terminate()
        gone = wait_until(lambda: not any(map(_lives, [self.process, *told])), patience)
        assert gone, f"{self.log.read_text()[-2000:]}\nit did not stop"

    @property
    def lives(self) -> bool:
        return _lives(self.process)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass(slots=True)
class Terminal:
    """Runs commands one after the other in one shell; what they print is in `folder`."""

    #: where the shell begins
    root: Path
    #: for what the terminal keeps: not in the reader's way
    folder: Path
    env: Mapping[str, str]
    _shell: subprocess.Popen[str] = field(init=False, repr=False)
    _count: int = 0
    _python: Running | None = None
    _blocks: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        with (self.folder / "shell.log").open("w") as log:
            self._shell = subprocess.Popen(
                ["bash", "--noprofile", "--norc"],
                cwd=self.root,
                env=dict(self.env),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                text=True,
            )
        self._type(PROFILE)

    def run(self, command: str, patience: float = 300.0) -> str:
        """What the command printed; raises PageFailed when its exit code is not 0 or it takes longer than that."""
        self._count += 1
        log, ended = (self.folder / f"{self._count}.{kind}" for kind in ("log", "ended"))
        self._type(f"{{ {command}\n}} </dev/null >{log} 2>&1; echo $? >{ended}.draft; mv {ended}.draft {ended}\n")
        return _result(command, log, ended, patience, self._shell.poll)

    def leave_running(self, command: str, *, ready: str, patience: float = 180.0) -> Running:
        """The command in the background, once it has printed the text `ready`."""
        self._count += 1
        log, pid = (self.folder / f"{self._count}.{kind}" for kind in ("log", "pid"))
        self._type(f"{{ {command}\n}} </dev/null >{log} 2>&1 & echo $! >{pid}.draft; mv {pid}.draft {pid}\n")
        assert wait_until(pid.exists, 10), command
        running = Running(psutil.Process(int(pid.read_text())), log)
        if not wait_until(lambda: (log.exists() and ready in log.read_text()) or not running.lives, patience):
            raise PageFailed(f"{command}\n{log.read_text()[-3000:]}\nit never said {ready!r}")
        if ready not in log.read_text():
            raise PageFailed(f"{command}\n{log.read_text()[-3000:]}\nit ended at once")
        return running

    def python(self, text: str, patience: float = 120.0) -> str:
        """What a Python block printed, pasted into this terminal's one Python session."""
        folder = self.folder / "python"
        if self._python is None:
            folder.mkdir()
            self._python = self.leave_running(f'echo ready; "$PAGES_PYTHON" -P {PYTHON} {folder}', ready="ready")
        self._blocks += 1
        block, log = folder / f"{self._blocks}.py", self._python.log
        before = len(log.read_text())
        draft = block.with_suffix(".draft")
        draft.write_text(text, encoding="utf-8")
        draft.replace(block)
        session = self._python
        return _result(
            text.strip(),
            log,
            block.with_suffix(".ended"),
            patience,
            lambda: None if session.lives else 1,
            before=before,
        )

    def javascript(self, text: str) -> str:
        """What a JavaScript block printed, run by node as a module of the shell's folder."""
        block = self.folder / f"{self._count + 1}.mjs"
        block.write_text(text, encoding="utf-8")
        return self.run(f'node --input-type=module --eval "$(cat {block})"')

    def close(self) -> None:
        """End the Python session and the shell."""
        if self._python is not None:
            self._python.stop()
        self._shell.stdin.close()
        self._shell.wait(30)

    def _type(self, text: str) -> None:
        self._shell.stdin.write(text)
        self._shell.stdin.flush()


def _result(what: str, log: Path, ended: Path, patience: float, gone, before: int = 0) -> str:
    began = time.monotonic()
    over = wait_until(lambda: ended.exists() or gone() is not None, patience)
    printed = log.read_text(errors="replace")[before:] if log.exists() else ""
    if not ended.exists():
        why = "its shell ended" if over else f"it did not end within {patience:.0f} s"
        raise PageFailed(f"{what}\n{printed[-3000:]}\n{why}")
    if ended.read_text().strip() != "0":
        took = time.monotonic() - began
        raise PageFailed(f"{what}\n{printed[-3000:]}\nexit code {ended.read_text().strip()} after {took:.0f} s")
    return printed


def environment(venv: Path) -> dict[str, str]:
    """A reader's environment: only the gateway's port is set, and npm asks its store before the network."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HEARTH_", "PYTEST_", "COV_")) and name not in ("REDIS_URL", "DATABASE_URL")
    }
    return kept | {
        "PAGES_PIP": str(venv / "bin" / "pip"),
        "PAGES_PYTHON": str(venv / "bin" / "python"),
        "HEARTH_GATEWAY_PORT": str(free_port()),
        "npm_config_prefer_offline": "true",
        "npm_config_audit": "false",
        "npm_config_fund": "false",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
