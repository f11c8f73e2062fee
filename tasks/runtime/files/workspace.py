"""The folders in which tasks store files: bound once at process start, like the database session.

`spool/` holds UTF-8 copies of files being imported, `errors/` the rejected rows, for people to fix.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from db.records import AuditAnchor
from tasks.errors import InvalidPayload
from tasks.runtime.files import file_grants


@dataclass(slots=True)
class _Bound:
    home: Path | None = None
    import_roots: tuple[Path, ...] = ()


_bound = _Bound()


def bind(home: Path, *, import_roots: Sequence[Path] = ()) -> None:
    """Store files below `home`; a message may import files below one of `import_roots`."""
    _bound.home = home.resolve()
    _bound.import_roots = tuple(root.resolve() for root in import_roots)


def folder(name: str) -> Path:
    """Return a folder of the workspace, created at first use; only its owner may read it."""
    home = _home()
    # one by one: the rights of folders made on the way would be anybody's
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / name
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def importable(uri: str, tenant_id: str) -> Path:
    """Return the file that an address names, links resolved; raises InvalidPayload when it may not be imported.

    Allowed is a file below an import root and not below the home, or one that the command line granted for this tenant.
    A grant covers no file of the home itself, except error files: people correct them and import them again.
    """
    path, token = _named(uri)
    granted = file_grants.admits(_home(), tenant_id, path, token)
    if _is_below(path, _home()):
        allowed = granted and _is_below(path, _home() / "errors")
    else:
        allowed = granted or any(path.is_relative_to(root) for root in _bound.import_roots)
    if not allowed:
        message = "the workers may not read this; import it with `hearth backfill`, or set HEARTH_IMPORT_DIRS for them"
        raise InvalidPayload.at("unknown_value", "uri", message)
    return path


def _named(uri: str) -> tuple[Path, str]:
    """Return the path of an address, and the token of its grant or an empty text."""
    try:
        parts = urlsplit(uri)
        if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost"):
            raise InvalidPayload.at("unknown_value", "uri", "give a path or a file:// address on the workers' side")
        if not parts.scheme:
            return Path(uri).resolve(), ""
        return Path(unquote(parts.path)).resolve(), parts.fragment
    except (ValueError, OSError, RuntimeError):
        # a NUL, a broken address, a ring of links
        raise InvalidPayload.at("unknown_value", "uri", "this is no path of a file; check it") from None


def _is_below(path: Path, place: Path) -> bool:
    """Return whether a path leads into a folder by whatever name: it may be mounted twice, or ignore case."""
    try:
        wanted = place.stat()
    except FileNotFoundError:
        return path.is_relative_to(place)
    return path.is_relative_to(place) or any(os.path.samestat(wanted, parent) for parent in _folders(path))


def _folders(path: Path) -> Iterator[os.stat_result]:
    for each in path.parents:
        with suppress(OSError):
            yield each.stat()


def _home() -> Path:
    if _bound.home is None:
        raise RuntimeError("the workspace is not bound; call tasks.runtime.files.workspace.bind at process start")
    return _bound.home


def comparison(backfill_id: str) -> Path:
    """Return the file to which a reconciling import writes the differences."""
    return folder("errors") / f"{backfill_id}.reconcile.csv"


def note_anchor(tenant_id: str, head: AuditAnchor, now: datetime) -> None:
    """Add the head of an audit chain to the tenant's file in `audit/`, where it is longer than the last."""
    path = folder("audit") / f"{tenant_id}.json"
    lines = path.read_text().splitlines() if path.exists() else []
    # A chain that got shorter is not news to keep but a fault to find: the higher anchor stays the last.
    if lines and json.loads(lines[-1])["sequence"] >= head.sequence:
        return
    with path.open("a") as anchors:
        anchors.write(json.dumps({"sequence": head.sequence, "hash": head.hash.hex(), "at": now.isoformat()}) + "\n")


def discard(path: str) -> None:
    """Remove a file of the workspace."""
    Path(path).unlink(missing_ok=True)
