"""File grants: a note in Hearth's home that lets its workers read one file for one tenant.

    with handed_over(home, "acme", path) as uri:     # the command
        ask("hearth.backfill.csv", uri=uri, …)
    admits(home, "acme", path, token)                # the worker

Nothing is copied, so that a large file costs neither time nor room. Messages cannot write a note; its name is a secret
of 256 bits that only the message of the import carries, and it holds for the tenant and the file that stand in it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: the folder of the notes, in Hearth's home
FOLDER = "handover"
#: seconds that a note is valid: a message may wait in a long queue, and its sender may have been killed
LASTING = 24 * 3600.0
_TOKEN = re.compile(r"[\w-]{43}", re.ASCII)


@contextmanager
def handed_over(home: Path, tenant_id: str, path: Path) -> Iterator[str]:
    """Let the workers of `home` import a file for a tenant while the block runs; yield the address to send.

    A block that fails leaves the note: its message may still be waiting. `sweep` removes it when it has expired.
    """
    path = path.resolve()
    note = _write(home, json.dumps({"tenant_id": tenant_id, "path": str(path)}))
    yield f"{path.as_uri()}#{note.name}"
    note.unlink(missing_ok=True)


def admits(home: Path, tenant_id: str, path: Path, token: str) -> bool:
    """Return whether a note grants this file, its path resolved, to this tenant."""
    if not _TOKEN.fullmatch(token):
        return False
    note = home / FOLDER / token
    try:
        return _is_valid(note) and json.loads(note.read_text()) == {"tenant_id": tenant_id, "path": str(path)}
    except FileNotFoundError:
        return False


def sweep(home: Path) -> None:
    """Remove the notes that have expired."""
    for note in (home / FOLDER).glob("*"):
        if not _is_valid(note):
            note.unlink(missing_ok=True)


def notes_of(home: Path, tenant_id: str) -> list[Path]:
    """Return the notes that grant a tenant anything."""
    notes = [note for note in (home / FOLDER).glob("*") if _TOKEN.fullmatch(note.name)]
    return [note for note in notes if _tenant_of(note) == tenant_id]


def _tenant_of(note: Path) -> object:
    try:
        return json.loads(note.read_text()).get("tenant_id")
    except (OSError, ValueError, AttributeError):
        return None


def _write(home: Path, text: str) -> Path:
    folder = home / FOLDER
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    sweep(home)
    note = folder / secrets.token_urlsafe(32)
    descriptor = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    # by our own clock, which is asked whether it is still valid: that of a file server may be another
    now = time.time()
    os.utime(note, (now, now))
    return note


def _is_valid(note: Path) -> bool:
    try:
        return time.time() - note.stat().st_mtime < LASTING
    except FileNotFoundError:
        return False
