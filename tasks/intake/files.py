"""Open files for reading, compressed or not, and replace files in one step."""

from __future__ import annotations

import errno
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
#: searching a folder needs no right to list it, on systems that know the difference
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: a pipe that took a file's place must not block
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
#: file systems whose files the kernel generates: some never end, some describe the process that reads them
_KERNEL_FILE_SYSTEMS = frozenset(
    {
        *("binder", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs"),
        *("functionfs", "fusectl", "mqueue", "nfsd", "nsfs", "proc", "pstore", "resctrl", "rpc_pipefs", "securityfs"),
        *("selinuxfs", "smackfs", "sysfs", "tracefs"),
    }
)
_MOUNTS = Path("/proc/self/mountinfo")
#: errors of a path that leads nowhere, besides a missing file
_NO_PATH = (errno.ELOOP, errno.ENAMETOOLONG)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """The largest file that is read; a larger one is refused."""

    #: bytes after unpacking: a few kilobytes of gzip can unpack to a full disk
    unpacked: int = 20 * _GIBIBYTE
    #: rows after the header
    records: int = 20_000_000
    #: characters of one row, line breaks included: a row is read into memory whole
    record: int = 8_000_000


#: used unless a caller passes others
LIMITS = FileLimits()


class HashingFile(io.RawIOBase):
    """A file that hashes what is read from it, and ends where it ended when it was opened, even if it grows."""

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__()
        self._raw = raw
        self._left = os.fstat(raw.fileno()).st_size
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed wants Buffer
        count = self._raw.readinto(memoryview(buffer)[: self._left]) or 0
        self._left -= count
        self._hash.update(memoryview(buffer)[:count])
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()

    def finish(self) -> str:
        """Read the rest and return the SHA-256 of all bytes, as hex."""
        buffer = bytearray(_BLOCK)
        while self.readinto(buffer):
            pass
        return self._hash.hexdigest()


class _Bounded(io.RawIOBase):
    """A stream that raises `FileRejected` after `limit` bytes."""

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
def opened(path: Path, limits: FileLimits = LIMITS) -> Iterator[tuple[BinaryIO, HashingFile]]:
    """Open a file for reading, unpacked when it is gzip (recognised by its first bytes). Raises `FileRejected`.

    No link on the path is followed. A caller that gets the path from people resolves and checks it first; then the file
    that was checked is the file that is read, even if somebody put a link in its place meanwhile.
    """
    with HashingFile(_open(path)) as raw, _gzip_errors_rejected():
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


def _open(path: Path) -> io.FileIO:
    try:
        descriptor = _descriptor(path.absolute())
    except FileNotFoundError:
        raise FileRejected("file.not_found", "there is no such file; check the path") from None
    except NotADirectoryError:
        raise FileRejected("file.not_found", "a part of the path is not a folder; check the path") from None
    except PermissionError:
        raise FileRejected("file.permission", "the file may not be read; give its reader the right to") from None
    except OSError as error:
        if error.errno not in _NO_PATH:
            raise
        raise FileRejected("file.not_found", "the path is too long or leads over a link; check the path") from None
    return io.FileIO(descriptor)


def _descriptor(path: Path) -> int:
    folder = os.open(path.anchor, _FOLDER)
    try:
        for part in path.parts[1:-1]:
            inner = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Check before opening, since opening a device may have an effect; and after, since the file may have changed.
        _require_file(os.stat(path.name or ".", dir_fd=folder, follow_symlinks=False))
        descriptor = os.open(path.name, _FILE, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        _require_file(os.fstat(descriptor))
    except FileRejected:
        os.close(descriptor)
        raise
    return descriptor


def _require_file(status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    # A pipe or a device would block or never end.
    if not stat.S_ISREG(status.st_mode) or _is_kernel_file_system(status.st_dev):
        raise FileRejected("file.not_a_file", "this is a folder, a device or the system's own; give a CSV file's path")


def _is_kernel_file_system(device: int) -> bool:
    """Return whether a device is one of the kernel's own file systems; always False on other systems than Linux."""
    numbers = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = _MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return False
    # the third field is the device; the type is the first field after a dash, which follows optional fields
    return any(
        mount.split()[2] == numbers and mount.partition(" - ")[2].partition(" ")[0] in _KERNEL_FILE_SYSTEMS
        for mount in mounts
    )


@contextmanager
def _gzip_errors_rejected() -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise FileRejected("file.corrupt", "the gzip data is cut off or damaged; copy the file again") from None
