"""What one tenant waits while another floods the queue: a score of one lead, idle, under a steady flood and a burst.

The flood is what a caller in another language would do: messages written straight to the broker's list, faster than
two children can do them. The other tenant asks for one lead's score at a time, with somebody waiting for the answer.
"""

from __future__ import annotations

import base64
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import redis

from benchmarks import harness, simulated
from benchmarks.figures import Figures, Outcome, Ratio, rounded, spread
from benchmarks.harness import SEED, Site
from benchmarks.imports import import_file
from tasks.runtime.broker import queue_depth
from workers.app import app
from workers.worker.fair_queue import keys_of

QUEUE = "inference"
#: messages a second of the steady flood, and of one write to the broker
RATE, WRITE = 1000, 20
BURST = 5000
#: most seconds between an answer and the next question, at random
THINK = 0.1
#: questions before the first that counts: children open their connections and the model
WARM_UP = 30
GOAL = 2.0


@dataclass(slots=True, kw_only=True)
class Caller:
    """A tenant with leads, each scored as of ever new moments: nothing is answered from what is stored."""

    site: Site
    tenant_id: str
    calls: Iterator[dict[str, Any]]

    def seconds(self) -> float:
        """From sending a question to having its answer."""
        asked = next(self.calls)
        started = time.perf_counter()
        harness.answer_of(self.site.send("hearth.leads.score", kwargs=asked, queue=QUEUE))
        return time.perf_counter() - started

    def messages(self, number: int) -> list[bytes]:
        """So many questions that nobody waits for, as they lie on the list."""
        return [_message(call) for _, call in zip(range(number), self.calls, strict=False)]


def measure(quick: bool) -> Outcome:
    """Ask on both databases; `quick`: on PostgreSQL."""
    questions, rounds, rows = (40, 2, 500) if quick else (100, 4, 2000)
    figures: Figures = {"unit": "ms from a question to its answer", "flood_per_s": RATE, "burst": BURST}
    ratios: dict[str, Ratio] = {}
    for kind in harness.kinds(quick):
        with harness.site(kind) as site:
            figures[kind] = _measured(site, rows, questions, rounds)
        ratios |= _ratios(kind, figures[kind])
    return Outcome(data="simulated leads of two tenants", rows=2 * rows, seed=SEED, figures=figures, ratios=ratios)


def _measured(site: Site, rows: int, questions: int, rounds: int) -> Figures:
    table = simulated.write(site.files, rows)
    scorer = simulated.fit(table)
    loud, quiet = (caller(site, table, scorer) for _ in range(2))
    for _ in range(WARM_UP):
        loud.seconds()
        quiet.seconds()
    load = Load(loud=loud, quiet=quiet, questions=questions)
    idle: list[float] = []
    with redis.Redis.from_url(app.conf.broker_url) as broker:
        for _ in range(rounds):
            idle += load.asked()
            load.flood(broker)
            load.burst(broker)
    return {
        "idle": _milliseconds(idle),
        "flood": _milliseconds(load.flooded),
        "burst": _milliseconds(load.burdened),
        "flood_done_per_s": rounded(load.done / load.lasted),
    }


def _milliseconds(found: Sequence[float]) -> Figures:
    return spread([1000 * seconds for seconds in found])


def _ratios(kind: str, found: Figures) -> dict[str, Ratio]:
    return {
        f"{load}_over_idle_p95.{kind}": Ratio(
            value=found[load]["p95"] / found["idle"]["p95"],
            goal=GOAL,
            better="lower",
            of=f"p95 of one tenant's score during another's {load} over its p95 without",
        )
        for load in ("flood", "burst")
    }


def caller(site: Site, table: simulated.Table, scorer: Any) -> Caller:
    """Import the table for a new tenant that uses this scorer, and return a caller of it."""
    tenant_id = simulated.tenant(site, scorer)
    import_file(site, tenant_id, table.path, profile="canonical")
    return Caller(site=site, tenant_id=tenant_id, calls=_calls(tenant_id, simulated.lead_ids(tenant_id)))


def _calls(tenant_id: str, lead_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    for day in count(1):
        as_of = (simulated.MOMENT + timedelta(days=day)).isoformat()
        for lead_id in lead_ids:
            yield {"tenant_id": tenant_id, "lead_id": lead_id, "as_of": as_of}


@dataclass(slots=True, kw_only=True)
class Load:
    """One tenant asks while another has sent more than can be done."""

    loud: Caller
    quiet: Caller
    questions: int
    flooded: list[float] = field(default_factory=list)
    burdened: list[float] = field(default_factory=list)
    #: messages of the burst that were done, and the seconds in which they were
    done: int = 0
    lasted: float = 0.0

    def asked(self) -> list[float]:
        """Seconds of each question, with pauses as people make them."""
        chance, found = random.Random(SEED), []
        for _ in range(self.questions):
            time.sleep(chance.uniform(0, THINK))
            found.append(self.quiet.seconds())
        return found

    def flood(self, broker: Any) -> None:
        """Ask during a steady flood."""
        over = threading.Event()
        sender = threading.Thread(target=_flood, args=(broker, self.loud.messages(BURST), over))
        sender.start()
        try:
            self.flooded += self.asked()
        finally:
            over.set()
            sender.join()
        self._empty(broker)

    def burst(self, broker: Any) -> None:
        """Ask after a burst, all at once, that takes longer to be done than the questions."""
        broker.lpush(QUEUE, *self.loud.messages(BURST))
        started = time.monotonic()
        self.burdened += self.asked()
        self.lasted += time.monotonic() - started
        self.done += BURST - queue_depth.depths(broker, [QUEUE])[QUEUE]
        self._empty(broker)

    def _empty(self, broker: Any) -> None:
        """Forget what waits, and wait until what was taken is done."""
        broker.delete(*keys_of(QUEUE))
        self.quiet.site.call("hearth.system.ping", queue=QUEUE)
        time.sleep(1.0)


def _flood(broker: Any, prepared: Sequence[bytes], over: threading.Event) -> None:
    """Write the messages at a steady rate, again from the first when they are used up."""
    started = time.monotonic()
    for number in count():
        if over.wait(max(0.0, started + number * WRITE / RATE - time.monotonic())):
            return
        place = number * WRITE % len(prepared)
        broker.lpush(QUEUE, *prepared[place : place + WRITE])


def _message(call: dict[str, Any]) -> bytes:
    task_id = str(uuid4())
    body = json.dumps([[], call, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    headers = {"lang": "py", "task": "hearth.leads.score", "id": task_id, "root_id": task_id, "ignore_result": True}
    properties = {
        "correlation_id": task_id,
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": QUEUE},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": task_id,
    }
    message = {
        "body": base64.b64encode(body.encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties,
    }
    return json.dumps(message).encode()


if __name__ == "__main__":
    harness.run("fairness", measure)
