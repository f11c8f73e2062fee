"""F11: work that outlives its lease, workers whose clocks are wrong, and clocks that change for the summer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from benchmarks.faults import clock
from benchmarks.faults.load import Load
from benchmarks.faults.plan import Round
from benchmarks.faults.processes import send
from benchmarks.faults.site import WORKERS
from benchmarks.faults.tally import Tally

HOUR = 3600


def f11(here: Round, tally: Tally) -> None:
    """A holder stopped until its lease has run out; workers an hour ahead and behind; summer time that begins, ends."""
    _outlived(here, tally)
    for begins in (True, False) if here.whole else ():
        _summer_time(here, tally, begins=begins)
    for offset in (HOUR, -HOUR) if here.whole else (HOUR,):
        _wrong_clock(here, tally, offset)


def _outlived(here: Round, tally: Tally) -> None:
    """The first holder sleeps on while a second one does the work; what the first then commits is refused."""
    site, load = here.site, Load(site=here.site, random=here.random)
    job = uuid4().hex
    load.send_one(job, task="faults.long", seconds=0.5)
    mark = site.home / "marks" / f"{job}-long"
    _until(lambda: mark.exists() and bool(mark.read_text()), 20)
    holder = int(mark.read_text())
    send([holder], signal.SIGSTOP)
    struck = time.monotonic()
    tally.kills += 1
    load.send_one(job, task="faults.long", seconds=0.5)
    taken = _until(lambda: job in load.effects(), here.patience)
    tally.recoveries.append(time.monotonic() - struck)
    send([holder], signal.SIGCONT)
    tally.must("another worker takes the work when the lease has run out", hold=taken)
    time.sleep(3 if here.whole else 1)
    load.settle(tally)


def _wrong_clock(here: Round, tally: Tally, offset: int) -> None:
    """A worker of the batch queue with a wrong clock beside a right one under load."""
    site, load = here.site, Load(site=here.site, random=here.random)
    made = clock.shifted(offset, site.home)
    if made is None:
        tally.notes["clock"] = "not done: neither libfaketime nor a C compiler"
        return
    tally.notes["clock"] = made[0]
    site.processes.kill("background")
    site.processes.start("background", env=made[1])
    site.ready(load.tenant)
    struck = time.monotonic()
    tally.kills += 1
    load.send(4, act="hang", seconds=2.0 if here.whole else 1.5)
    load.begin(here.rate // 2)
    time.sleep(here.seconds + (2 if here.whole else 1))
    load.write(here.rate // 10, queue="batch")
    load.end()
    tally.recoveries.append(site.recovered(load.tenant, struck, queue="batch"))
    load.settle(tally)
    told = f"redelivered_early_{offset // HOUR:+d}h"
    tally.notes[told] = len(site.given_back(load.tenant)) + tally.notes.get(told, 0)
    site.processes.kill("background")
    site.processes.start("background")
    if here.whole:
        site.ready(load.tenant)


def _summer_time(here: Round, tally: Tally, *, begins: bool) -> None:
    """All local clocks jump by an hour under load, while work is under way that has time limits and a countdown."""
    site, load = here.site, Load(site=here.site, random=here.random)
    changes = datetime.now(UTC) + timedelta(seconds=15)
    zone = {"TZ": _zone(changes, begins=begins)}
    names = [name for name in (*WORKERS, "relay", "beat") if site.processes.alive(name)]
    site.processes.kill(*names)
    site.processes.start(*names, env=zone)
    site.ready(load.tenant)
    _until(lambda: datetime.now(UTC) > changes - timedelta(seconds=2), here.patience)
    load.send(2, act="hang", seconds=4.0, time_limit=60)
    load.send(4, countdown=3)
    load.send(4, expires=600)
    load.begin(here.rate // 2)
    _until(lambda: datetime.now(UTC) > changes + timedelta(seconds=here.seconds), here.patience)
    load.end()
    tally.kills += 1
    tally.recoveries.append(site.recovered(load.tenant, time.monotonic()))
    load.settle(tally)
    name = "begins" if begins else "ends"
    tally.must(f"the clocks do change where summer time {name}", hold=_changed(zone, changes))
    again = site.given_back(load.tenant)
    tally.notes[f"redelivered_early_summer_time_{name}"] = len(again)
    tally.must("no message comes twice when the clocks change", hold=not again)
    site.processes.kill(*names)
    site.processes.start(*names)
    site.ready(load.tenant)


def _zone(changes: datetime, *, begins: bool) -> str:
    """A zone of POSIX whose summer time begins or ends at a moment; it is UTC otherwise."""
    local = changes if begins else changes + timedelta(hours=1)
    day = min(local.timetuple().tm_yday, 365)
    this, other = f"J{day}/{local:%H:%M:%S}", f"J{(day + 180) % 365 + 1}/2"
    return f"AAA0BBB-1,{this},{other}" if begins else f"AAA0BBB-1,{other},{this}"


def _changed(zone: dict[str, str], changes: datetime) -> bool:
    """Whether a process of that zone sees its clock jump at that moment."""
    at = int(changes.timestamp())
    code = f"import time; print(time.localtime({at} + 5).tm_isdst - time.localtime({at} - 5).tm_isdst)"
    told = subprocess.run([sys.executable, "-c", code], env={**os.environ, **zone}, capture_output=True, check=True)
    return abs(int(told.stdout)) == 1


def _until(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
