"""The faults by their ids, with what each needs and how often it strikes in the long form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from benchmarks.faults import broker, clocks, database, disks, gateway, imports, messages, workers
from benchmarks.faults.plan import Round
from benchmarks.faults.site import Site, site
from benchmarks.faults.tally import Tally

Strike = Callable[[Round, Tally], None]

#: leases of three seconds instead of twenty and thirty, and a reader that is silent for three seconds is given up
SHORT = {"FAULTS_LEASE": "3", "FAULTS_SOCKET": "5"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One line of the table of faults."""

    strike: Strike
    rounds: int
    env: Mapping[str, str] = field(default_factory=dict)
    #: workers reach broker and database through proxies, on a small disk
    bounded: bool = False


def _f8(here: Round, tally: Tally) -> None:
    database.f8(here, tally)
    if here.number == 0:
        database.locked_sqlite(here, tally)


FAULTS: Mapping[str, Fault] = {
    "F1": Fault(strike=workers.f1, rounds=15),
    "F2": Fault(strike=workers.f2, rounds=15),
    "F3": Fault(strike=workers.f3, rounds=5),
    "F4": Fault(strike=workers.f4, rounds=2),
    "F5": Fault(strike=workers.f5, rounds=15),
    "F6": Fault(strike=broker.f6, rounds=14),
    "F8": Fault(strike=_f8, rounds=8),
    "F9": Fault(strike=messages.f9, rounds=5),
    "F10": Fault(strike=messages.f10, rounds=5),
    "F11": Fault(strike=clocks.f11, rounds=2, env=SHORT),
    "F12": Fault(strike=messages.f12, rounds=3),
    "F13": Fault(strike=imports.f13, rounds=3, env=SHORT),
    "F14": Fault(strike=imports.f14, rounds=1),
    "F15": Fault(strike=disks.f15, rounds=2, bounded=True),
    "G1": Fault(strike=gateway.g1, rounds=12),
}


#: for any fault in its quick form: nothing waits longer than it must, and no worker loads models
QUICK = {
    "HEARTH_REDO_AFTER": "2",
    "FAULTS_VISIBILITY": "3",
    "FAULTS_RESTORE": "1",
    "FAULTS_RETRY": "0.2",
    "FAULTS_BACKOFF": "0.02",
    "FAULTS_LEASE": "2",
    "FAULTS_SOCKET": "2",
    "FAULTS_TASKS": "tasks.system,tasks.backfill",
}


@contextmanager
def place(fault: Fault | None = None) -> Iterator[Site]:
    """A cluster fit for a fault; without one, for the quick form of all."""
    if fault and not fault.bounded:
        with site(env=fault.env) as here:
            yield here
        return
    env = fault.env if fault else QUICK
    with disks.small_disk() as disk, site(env=env, proxied=True, parent=disk) as here:
        yield here


def run(fault: Fault, here: Site, *, rounds: int, seed: int, options: Mapping[str, int | float | bool]) -> Tally:
    """Let a fault strike some times."""
    tally, before = Tally(), here.deaths.copy()
    for number in range(rounds):
        chosen: dict[str, object] = dict(options)
        round_ = Round(site=here, random=Random(f"{seed}-{number}"), number=number, **chosen)  # type: ignore[arg-type]
        fault.strike(round_, tally)
        tally.rounds += 1
        tally.must("accepted = done + failed + quarantined + lost", hold=_balanced(tally))
    tally.notes["ended_by_themselves"] = dict(here.deaths - before)
    return tally


def _balanced(tally: Tally) -> bool:
    return tally.database.balanced() and tally.broker.balanced()
