"""F1 to F5: workers killed, stopped, told to end, and given tasks that fall."""

from __future__ import annotations

import signal
import time

from benchmarks.faults.load import Load
from benchmarks.faults.plan import Round
from benchmarks.faults.site import WORKERS
from benchmarks.faults.tally import Tally

#: most starts of a task that takes its process with it, all copies of its message together
STARTS = 6


def f1(here: Round, tally: Tally) -> None:
    """SIGKILL to the workers, main processes and children; every third time while they are idle."""
    site, load = here.site, Load(site=here.site, random=here.random)
    idle = here.number % 3 == 2
    load.begin(here.rate)
    time.sleep(here.seconds * (0.5 + here.random.random()))
    if idle:
        load.end()
        time.sleep(1.5)
    site.processes.kill(*WORKERS)
    struck = time.monotonic()
    tally.kills += 1
    load.end()
    if idle:
        load.send(20)
        load.write(20)
    site.processes.start(*WORKERS)
    tally.recoveries.append(site.recovered(load.tenant, struck))
    load.settle(tally, here.patience)


def f2(here: Round, tally: Tally) -> None:
    """SIGSTOP to the main processes, then messages, then SIGKILL."""
    site, load = here.site, Load(site=here.site, random=here.random)
    load.send(round(here.rate * here.random.random()))
    for name in WORKERS:
        site.processes.signal(name, signal.SIGSTOP)
    load.send(here.rate)
    load.write(here.rate)
    time.sleep(0.5 + here.random.random())
    site.processes.kill(*WORKERS)
    struck = time.monotonic()
    tally.kills += 1
    site.processes.start(*WORKERS)
    tally.recoveries.append(site.recovered(load.tenant, struck))
    load.settle(tally, here.patience)


def f3(here: Round, tally: Tally) -> None:
    """Children that die in an open transaction, and between the commit and the acknowledgement."""
    load = Load(site=here.site, random=here.random)
    number = round(here.rate * here.seconds)
    dying = max(1, number // 100)
    struck = time.monotonic()
    for way in (load.send, load.write):
        way(number // 2)
        for act in ("before", "after"):
            tally.kills += len(way(dying, act=act))
        way(number // 2)
    tally.recoveries.append(here.site.recovered(load.tenant, struck))
    load.settle(tally)


def f4(here: Round, tally: Tally) -> None:
    """Tasks that raise, kill their process every time, eat memory and hang; others go on."""
    site, load = here.site, Load(site=here.site, random=here.random)
    bad = {"raise": load.send(2, act="raise"), "eat": load.send(1, act="eat")}
    limit = 3 if here.whole else 2
    bad["hang"] = load.send(1, act="hang", seconds=600, soft_time_limit=1, time_limit=limit)
    bad["hang without a soft limit"] = load.send(1, act="hang", seconds=600, time_limit=limit)
    bad["kill"] = load.send(1, act="kill")
    bad |= {f"{act}, from the outbox": load.write(1, act=act) for act in ("raise", "kill")}
    struck = time.monotonic()
    load.send(20)
    load.write(20)
    tally.kills += 8
    tally.recoveries.append(site.recovered(load.tenant, struck))
    load.settle(tally, here.patience)
    time.sleep(here.seconds)
    starts, effects = site.starts(), load.effects()
    for act, jobs in bad.items():
        most = max(starts.get(job, 0) for job in jobs)
        tally.notes[f"most_starts_{act}"] = max(most, tally.notes.get(f"most_starts_{act}", 0))
        tally.must(f"a task that does `{act}` starts at most {STARTS} times", hold=most <= STARTS)
        tally.must(f"a task that does `{act}` has no effect", hold=not any(job in effects for job in jobs))
    tally.must("each deadly task is held once", hold=_held_once(load, [*bad["kill"], *bad["kill, from the outbox"]]))


def _held_once(load: Load, jobs: list[str]) -> bool:
    """Whether the messages of these jobs are held, each once and for its number of starts."""
    tasks = sorted((load.sent | load.written)[job] for job in jobs)
    return load.held("attempts") == tasks


def f5(here: Round, tally: Tally) -> None:
    """SIGTERM under load, and again while it stops."""
    site, load = here.site, Load(site=here.site, random=here.random)
    load.begin(here.rate)
    time.sleep(here.seconds * (0.5 + here.random.random()))
    struck = time.monotonic()
    for name in WORKERS:
        site.processes.signal(name, signal.SIGTERM)
    time.sleep(0.3 * here.random.random())
    for name in WORKERS:
        if here.number % 2:
            site.processes.signal(name, signal.SIGTERM)
    tally.kills += 1
    for name in WORKERS:
        tally.must("a worker told to end does so within 40 s", hold=site.processes.wait(name))
    load.end()
    site.processes.start(*WORKERS)
    tally.recoveries.append(site.recovered(load.tenant, struck))
    load.settle(tally)
