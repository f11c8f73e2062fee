"""F9, F10 and F12: a relay that dies at the worst moment, doubles of everything, tasks that nobody knows yet."""

from __future__ import annotations

import time
from dataclasses import replace
from uuid import uuid4

from benchmarks.faults.load import Load
from benchmarks.faults.plan import Round
from benchmarks.faults.site import WORKERS
from benchmarks.faults.tally import Tally
from db.repositories.jobs import quarantine
from db.session import EVERY_TENANT, reading


def f9(here: Round, tally: Tally) -> None:
    """The relay is killed after publishing and before noting it; then two relays, and two beats on one schedule."""
    site, load = here.site, Load(site=here.site, random=here.random)
    site.tell("kill_relay", "")
    load.write(here.rate)
    died = site.processes.wait("relay", 20)
    tally.must("the relay was killed where it hurts", hold=died)
    struck = time.monotonic()
    tally.kills += 1
    twin = replace(site.processes.specs["relay"], name="relay-2")
    twin = replace(twin, env={**(twin.env or {}), "HEARTH_METRICS_PORT": "0"})
    site.processes.add(twin)
    site.processes.start("relay", "relay-2")
    load.begin(here.rate if here.whole else here.rate // 4, send=False)
    _two_beats(here, tally)
    load.end()
    tally.recoveries.append(site.recovered(load.tenant, struck))
    load.settle(tally)
    site.processes.kill("relay-2")


def _two_beats(here: Round, tally: Tally) -> None:
    """Beats that tick twice a second for a job that is due once a second."""
    site = here.site
    for number in (1, 2):
        spec = site.processes.specs["beat"]
        argv = [part.replace("workers.app", "benchmarks.faults.ticks") for part in spec.argv]
        argv[argv.index("--schedule") + 1] = str(site.home / f"ticks-{number}")
        site.processes.add(replace(spec, name=f"beat-{number}", argv=tuple(argv)))
        site.processes.start(f"beat-{number}")
    deadline = time.monotonic() + 30
    while not _ticks(here) and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(here.seconds + 2)
    site.processes.kill("beat-1", "beat-2")
    time.sleep(2 if here.whole else 1)
    effects = _ticks(here)
    slots = site.rows("SELECT count(*) FROM schedule_slots WHERE schedule = 'faults.tick'")[0][0]
    tally.notes |= {"slots": slots, "slot_effects": effects}
    tally.must("a slot fires once", hold=effects == slots and slots > 0)


def _ticks(here: Round) -> int:
    return int(here.site.rows("SELECT count(*) FROM fault_effects WHERE job = 'tick'")[0][0])


def f10(here: Round, tally: Tally) -> None:
    """Every message ten times, shuffled, at once."""
    site, load = here.site, Load(site=here.site, random=here.random)
    jobs = [uuid4().hex for _ in range(max(5, here.rate // 5))] * 10
    here.random.shuffle(jobs)
    struck = time.monotonic()
    for job in jobs:
        load.send_one(job)
    tally.kills += len(jobs) - len(set(jobs))
    tally.recoveries.append(site.recovered(load.tenant, struck))
    load.settle(tally)


def f12(here: Round, tally: Tally) -> None:
    """Messages for a task that only the next version has: parked, then run after the deploy."""
    site, load = here.site, Load(site=here.site, random=here.random)
    if here.number:
        site.processes.kill(*WORKERS)
        site.processes.start(*WORKERS)
        site.ready(load.tenant)
    number = max(3, here.rate // 10)
    for _ in range(number):
        load.send_one(uuid4().hex, task="faults.later")
    load.send(number)
    held = _held(load, number)
    tally.must("every unknown task is parked", hold=held == number)
    # what a worker is just taking when it is killed is another fault's
    _done(load, number, here.patience)
    struck = time.monotonic()
    tally.kills += 1
    site.processes.kill(*WORKERS)
    site.processes.start(*WORKERS, env={"FAULTS_LATER": "1"})
    _done(load, 2 * number, here.patience)
    tally.recoveries.append(time.monotonic() - struck)
    load.settle(tally, 5)


def _done(load: Load, wanted: int, seconds: float) -> None:
    """Return when so many jobs have their effect, or some seconds have passed."""
    deadline = time.monotonic() + seconds
    while len(load.effects()) < wanted and time.monotonic() < deadline:
        time.sleep(0.2)


def _held(load: Load, wanted: int) -> int:
    """How many messages are parked, as soon as as many are as ought to be."""
    deadline = time.monotonic() + 20
    while True:
        with reading(EVERY_TENANT) as session:
            found = quarantine.entries(session, load.tenant, limit=10_000)
        parked = sum(entry.reason == "unknown_task" for entry in found)
        if parked >= wanted or time.monotonic() > deadline:
            return parked
        time.sleep(0.2)
