"""F6 and F15's half-open connections: a broker that ends, loses its data, freezes, is full or silent."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress

import redis

from benchmarks.faults.load import Load
from benchmarks.faults.plan import Round
from benchmarks.faults.site import WORKERS, Site
from benchmarks.faults.tally import Tally

Strike = Callable[[Round], None]

#: seconds that a broker stays away, and in the quick form
AWAY, SHORTLY = 2.0, 0.5
#: seconds in which the relay publishes what was written
RELAYED = 1.5


def f6(here: Round, tally: Tally) -> None:
    """One of seven troubles of the broker under load; jobs that the database took must end."""
    name, strike = STRIKES[here.number % len(STRIKES)]
    site, load = here.site, Load(site=here.site, random=here.random)
    ended = deaths(site)
    load.begin(here.rate)
    time.sleep(here.seconds * (0.5 + here.random.random()))
    struck = time.monotonic()
    strike(here)
    tally.kills += 1
    load.end()
    back = site.recovered(load.tenant, struck)
    tally.must(f"no worker ends with its broker {name}", hold=deaths(site) == ended)
    tally.recoveries.append(back)
    lost = tally.broker.lost
    load.settle(tally)
    told = tally.notes.setdefault("troubles", {}).setdefault(name, {"recovery_s": [], "lost_of_the_broker": 0})
    told["recovery_s"].append(round(back, 2))
    told["lost_of_the_broker"] += tally.broker.lost - lost


def deaths(site: Site) -> int:
    """How often a worker ended by itself so far."""
    return sum(site.deaths[name] for name in WORKERS)


def half_open(here: Round, tally: Tally) -> None:
    """Connections to the broker, then to the database, that nobody forwards any more."""
    site = here.site
    for name in ("broker", "database") if here.whole else ("broker",):
        load = Load(site=site, random=here.random)
        load.begin(here.rate // 2)
        time.sleep(here.seconds)
        struck = time.monotonic()
        site.proxies[name].stall()
        tally.kills += 1
        time.sleep(1)
        load.end()
        back = site.recovered(load.tenant, struck, seconds=here.patience)
        tally.recoveries.append(min(back, here.patience))
        tally.notes.setdefault(f"half_open_{name}_recovery_s", []).append(None if back > 1e6 else round(back, 1))
        tally.must(f"a half-open connection to the {name} is noticed within a minute", hold=back <= 60)
        if back > 1e6:
            _replace_workers(site)
        load.settle(tally)


def _replace_workers(site: Site) -> None:
    """They did not come back by themselves."""
    names = [name for name in ("interactive", "background", "relay") if site.processes.alive(name)]
    site.processes.kill(*names)
    site.processes.start(*names)


def _end(here: Round) -> None:
    site = here.site
    site.processes.signal("broker", signal.SIGTERM)
    site.processes.wait("broker")
    time.sleep(AWAY if here.whole else SHORTLY)
    site.processes.start("broker")


def _kill(here: Round) -> None:
    site = here.site
    site.processes.kill("broker")
    time.sleep(AWAY if here.whole else SHORTLY)
    site.processes.start("broker")


def _wipe(here: Round) -> None:
    site = here.site
    site.processes.kill("broker")
    for path in (site.home / "broker" / "appendonlydir").glob("*"):
        path.unlink()
    time.sleep(AWAY if here.whole else SHORTLY)
    site.processes.start("broker")


def _flush(here: Round) -> None:
    here.site.redis().flushall()


def _frozen(seconds: float) -> Strike:
    def freeze(here: Round) -> None:
        here.site.processes.freeze("broker")
        time.sleep(seconds)
        here.site.processes.thaw("broker")

    return freeze


def _full(here: Round) -> None:
    client = here.site.redis()
    used = int(client.info("memory")["used_memory"])
    client.config_set("maxmemory", max(1, used // 2))
    time.sleep(AWAY)
    with suppress(redis.RedisError):
        client.config_set("maxmemory", 0)


def _behind(strike: Strike) -> Strike:
    """While workers stand still, so that the broker holds what the relay has published."""

    def struck(here: Round) -> None:
        here.site.processes.freeze("interactive")
        time.sleep(AWAY if here.whole else RELAYED)
        strike(here)
        here.site.processes.thaw("interactive")

    return struck


STRIKES: tuple[tuple[str, Strike], ...] = (
    ("data wiped", _behind(_wipe)),
    ("killed", _kill),
    ("full", _full),
    ("frozen 2.5 s", _frozen(2.5)),
    ("flushed", _behind(_flush)),
    ("terminated", _end),
    ("frozen 8 s", _frozen(8.0)),
)
