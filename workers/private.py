"""Files that only their owner may read, written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Write `text` to `path` at once; a reader sees the old file or the new one."""
    draft = _draft(path, text)
    draft.replace(path)


def create_once(path: Path, text: str) -> str:
    """Write `text` to `path` unless there is a file already; the text that is there in the end."""
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
