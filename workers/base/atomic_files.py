"""Write files whole or not at all, readable by their owner only."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from workers.base.errors import HomeNotPrivate

#: files in Hearth's home whose programs set no rights: the database, beat's schedule, logs
_WRITTEN = ("hearth.db*", "beat-schedule*", "cluster.*", "logs/*.log*")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def restrict_to_owner(home: Path) -> None:
    """Remove the rights of group and others from an existing home, and from the files in it.

    Raises:
        HomeNotPrivate: it belongs to somebody else, or keeps no rights.

    """
    if not home.exists():
        return
    if _is_open(home):
        if home.stat().st_uid != os.geteuid():
            raise HomeNotPrivate(f"others may read {home}, and it is not yours to close: set HEARTH_HOME to your own")
        with suppress(OSError):
            home.chmod(stat.S_IRWXU)
        if _is_open(home):
            raise HomeNotPrivate(f"others may read {home}, and it keeps no rights: set HEARTH_HOME to another disk")
    for path in (path for pattern in _WRITTEN for path in home.glob(pattern)):
        # some come and go; what is not ours lies in a folder that nobody else may enter
        with suppress(OSError):
            if _is_open(path) and not path.is_symlink():
                path.chmod(stat.S_IRUSR | stat.S_IWUSR)


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & _OTHERS)


def replace(path: Path, text: str) -> None:
    """Write `text` to `path` at once; a reader sees the old file or the new one."""
    draft = _draft(path, text)
    draft.replace(path)


def create_once(path: Path, text: str) -> str:
    """Write `text` to `path` unless there is a file already; return the text that is there in the end."""
    draft = _draft(path, text)
    try:
        # a hard link, unlike a rename, refuses an existing name: of two first starts, one wins whole
        os.link(draft, path)
    except FileExistsError:
        return path.read_text()
    finally:
        draft.unlink()
    return text


def _draft(path: Path, text: str) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft
