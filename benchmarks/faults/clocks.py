"""F11: work that outlives its lease, and workers whose clocks are wrong."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from uuid import uuid4

from benchmarks.faults import clock
from benchmarks.faults.load import Load
from benchmarks.faults.plan import Round
from benchmarks.faults.processes import send
from benchmarks.faults.tally import Tally

HOUR = 3600


def f11(here: Round, tally: Tally) -> None:
    """A holder that is stopped until its lease has run out; then a worker an hour ahead, and one an hour behind."""
    _outlived(here, tally)
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
    load.send(4, act="hang", seconds=2.0)
    load.begin(here.rate // 2)
    time.sleep(here.seconds + (2 if here.whole else 1))
    load.write(here.rate // 10, queue="batch")
    load.end()
    tally.recoveries.append(site.recovered(load.tenant, struck, queue="batch"))
    load.settle(tally)
    again = site.rows("SELECT count(*) FROM attempts WHERE tenant_id = :t", t=load.tenant)[0][0]
    told = f"redelivered_early_{offset // HOUR:+d}h"
    tally.notes[told] = int(again) + tally.notes.get(told, 0)
    site.processes.kill("background")
    site.processes.start("background")
    if here.whole:
        site.ready(load.tenant)


def _until(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
