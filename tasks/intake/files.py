"""Opening files for reading, compressed or not, and replacing files as one step."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tasks.intake.errors import FileRejected

_GZIP = b"\x1f\x8b"
_BLOCK = 1 << 20
_GIBIBYTE = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a file may hold at most; beyond it the file is refused."""

    #: bytes once unpacked: a few kilobytes of gzip can unpack to a full disk
    unpacked: int = 20 * _GIBIBYTE
    #: rows after the header
    records: int = 20_000_000
    #: characters of one row, its line breaks counted: rows are read whole
    record: int = 8_000_000


#: for whoever asks for nothing else
LIMITS = Limits()


class Hashing(io.RawIOBase):
    """A file that hashes what is read from it."""

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__()
        self._raw = raw
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed wants Buffer
        count = self._raw.readinto(buffer) or 0
        self._hash.update(memoryview(buffer)[:count])
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()

    def finish(self) -> str:
        """Read what is left and give the SHA-256 of all bytes."""
        buffer = bytearray(_BLOCK)
        while self.readinto(buffer):
            pass
        return self._hash.hexdigest()


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more than `limit` bytes."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile, limit: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed wants Buffer
        count: int = self._stream.readinto(buffer)  # type: ignore[union-attr]  # typeshed's BinaryIO has no readinto
        self._left -= count
        if self._left < 0:
            message = f"the file is larger than {self._limit} bytes once unpacked; split it"
            raise FileRejected("file.too_large", message)
        return count


@contextmanager
def opened(path: Path, limits: Limits = LIMITS) -> Iterator[tuple[BinaryIO, Hashing]]:
    """Open a file for reading, unpacked when it is gzip (told by its first bytes). Raises `FileRejected`."""
    with _refusals(path):
        _require_file(path)
        with Hashing(io.FileIO(path)) as raw:
            buffered = io.BufferedReader(raw, _BLOCK >> 4)
            packed = buffered.peek(2)[:2] == _GZIP
            stream = _Bounded(gzip.GzipFile(fileobj=buffered) if packed else buffered, limits.unpacked)
            yield io.BufferedReader(stream, _BLOCK), raw


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears whole or not at all, readable by its owner only."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600 from the start
    try:
        with os.fdopen(handle, "wb", buffering=_BLOCK) as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def _require_file(path: Path) -> None:
    # A pipe or a device would block or never end.
    if not stat.S_ISREG(path.stat().st_mode):
        raise FileRejected("file.not_a_file", "this is a folder or a device; give the path of a CSV file")


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if error.filename is None or Path(error.filename) != path:
            raise
        raise FileRejected("file.not_found", "there is no such file; check the path") from None
    except NotADirectoryError:
        raise FileRejected("file.not_found", "a part of the path is not a folder; check the path") from None
    except PermissionError as error:
        if error.filename is None or Path(error.filename) != path:
            raise
        raise FileRejected("file.permission", "the file may not be read; give its reader the right to") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise FileRejected("file.corrupt", "the gzip data is cut off or damaged; copy the file again") from None
