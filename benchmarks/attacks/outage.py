"""A database that is away while a receiver goes on to answer 200: what comes in meanwhile must not be lost."""

from __future__ import annotations

import time
from random import Random

from benchmarks.attacks.strikes import Found
from benchmarks.faults.load import Load
from benchmarks.faults.site import site
from benchmarks.faults.tally import Tally
from benchmarks.harness import SEED

#: jobs a second, as from a receiver; nobody reads their answers
RATE = 10
#: seconds of work before and after, and those that what was accepted gets to end
AROUND, PATIENCE = 5.0, 300.0


def outage(seconds: float) -> Found:
    """Stop PostgreSQL as a crash does, for some seconds under load; count what became of what the broker took."""
    with site(beat=True) as here:
        load, tally = Load(site=here, random=Random(SEED)), Tally()
        load.begin(RATE, write=False)
        time.sleep(AROUND)
        here.postgres.stop()
        time.sleep(seconds)
        here.postgres.start()
        ended = time.monotonic()
        time.sleep(AROUND)
        load.end()
        back = here.recovered(load.tenant, ended)
        load.settle(tally, PATIENCE)
        dead = sum(here.deaths.values())
    facts = {
        "away_s": seconds,
        "accepted": tally.broker.accepted,
        "done": tally.broker.done,
        "failed": tally.broker.failed,
        "quarantined": tally.broker.quarantined,
        "recovered_s": round(back, 2),
    }
    promises = {
        "lost": tally.broker.lost + tally.broker.failed,
        "doubled": tally.broker.duplicate_effects,
        "workers_lost": dead,
    }
    return Found(facts=facts, promises=promises)
