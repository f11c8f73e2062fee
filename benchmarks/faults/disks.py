"""F15: a full disk under the broker, the spool and the database."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kombu.exceptions import OperationalError

from benchmarks.faults import broker
from benchmarks.faults.imports import File, begin, make_file, progress
from benchmarks.faults.load import Load
from benchmarks.faults.plan import Round
from benchmarks.faults.tally import Tally
from workers.cli.base import client
from workers.cli.base.command import CommandFailed, refuses_writes

#: bytes of the small disk
SIZE = 64_000_000


def f15(here: Round, tally: Tally) -> None:
    """Half-open connections; then, where the home is a small disk, one that is full for a while."""
    if os.path.ismount(here.site.home.parent.parent):
        _full_disk(here, tally)
    else:
        tally.notes["disk"] = "not done: a small disk may not be mounted here"
    broker.half_open(here, tally)


def _full_disk(here: Round, tally: Tally) -> None:
    """The broker's append-only file and the spool have no room: errors, no silence; then all goes on."""
    site, load = here.site, Load(site=here.site, random=here.random)
    tally.notes["disk"] = "tmpfs"
    if shutil.disk_usage(site.home).free < SIZE // 4:
        tally.notes["disk_held"] = _largest(site.home)
        tally.must("the home does not fill by itself", hold=False)
        return
    file = make_file(site.home.parent, min(here.rows, 20_000), here.random)
    ended = broker.deaths(site)
    load.begin(here.rate)
    time.sleep(here.seconds)
    struck = time.monotonic()
    with _filled(site.home):
        tally.kills += 1
        said = tally.notes["import_on_a_full_disk"] = _refusal(here, load, file)
        tally.must("an import on a full disk is told so", hold=said not in (None, "accepted"))
        time.sleep(here.seconds)
    load.end()
    tally.recoveries.append(site.recovered(load.tenant, struck))
    tally.must("no worker ends with its broker's disk full", hold=broker.deaths(site) == ended)
    load.settle(tally)
    backfill_id = begin(site, load.tenant, file)
    tally.must("the import works when there is room", hold=_finishes(here, backfill_id))


def _refusal(here: Round, load: Load, file: File) -> str | None:
    """What `hearth backfill` says that finds no room for its copy; None when it says nothing."""
    caller = client.Client(here.site.client, load.tenant)
    patience, asked = 40.0 if here.whole else 15.0, {"uri": str(file.path), "profile": "canonical"}
    interval, client.BROKER_INTERVAL = client.BROKER_INTERVAL, client.BROKER_INTERVAL if here.whole else 1.0
    try:
        caller.envelope("hearth.backfill.csv", queue="batch", patience=patience, **asked)
    except OperationalError as error:
        return "the broker takes no work" if refuses_writes(error) else "the broker does not answer"
    except CommandFailed as error:
        return None if "no worker answered" in error.message else error.message
    finally:
        client.BROKER_INTERVAL = interval
    return "accepted"


def _finishes(here: Round, backfill_id: str) -> bool:
    deadline = time.monotonic() + here.patience
    while progress(here.site, backfill_id)[0] != "finished":
        if time.monotonic() > deadline:
            return False
        time.sleep(0.3)
    return True


def _largest(home: Path) -> dict[str, int]:
    """The files that take most of the disk, in bytes."""
    sizes = {str(path.relative_to(home)): path.stat().st_size for path in home.rglob("*") if path.is_file()}
    return dict(sorted(sizes.items(), key=lambda entry: -entry[1])[:5])


@contextmanager
def _filled(home: Path) -> Iterator[None]:
    """No byte free on the disk of a folder."""
    filler = home / "filler"
    # without a buffer, whose rest closing would try to write
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65536))
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """A small disk of its own; None where none may be mounted."""
    folder = Path(tempfile.mkdtemp(prefix="hearth-disk-"))
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command = [str(mount), "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    made = bool(mount and umount) and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield folder if made else None
    finally:
        if made:
            subprocess.run([str(umount), "--lazy", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)
