"""Attacks on a running cluster, each by messages or settings of one tenant."""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from uuid import uuid4

import redis
from kombu.exceptions import EncodeError

from benchmarks.attacks.fuzzing import CANARY, Payloads, spoilt
from benchmarks.attacks.shapes import shapes
from benchmarks.fairness import Caller
from benchmarks.harness import BACKGROUND, INTERACTIVE, Site
from benchmarks.imports import import_file
from db.repositories.jobs import quarantine
from db.session import EVERY_TENANT, reading
from tasks.errors import TaskError
from tasks.runtime import registry
from workers.app import app
from workers.base import malformed

# it ships no types
psutil: Any = import_module("psutil")

PING = "hearth.system.ping"
#: seconds that a good question may take before it counts as unanswered
PATIENCE = 60.0
#: hostile messages a second where they come one by one, and questions of the other tenant during each attack
RATE, QUESTIONS = 20.0, 60
#: messages that a flood writes in one go
BURST = 500

Json = dict[str, Any]
Item = TypeVar("Item")
Strike = Callable[["Attack"], "Found"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an attack reached."""

    facts: Mapping[str, Any]
    #: counts that must be 0
    promises: Mapping[str, int]


@dataclass(slots=True, kw_only=True)
class Attack:
    """Where an attack takes place, and how long another tenant waited meanwhile."""

    site: Site
    #: the tenant that attacks
    loud: str
    quiet: Caller
    random: Random
    quick: bool
    #: seconds of each question of the other tenant
    waited: list[float] = field(default_factory=list)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Let the other tenant ask for as long as the block lasts, and some times at least."""
        over = threading.Event()

        def ask() -> None:
            while not over.is_set() or len(self.waited) < QUESTIONS:
                self.waited.append(self.quiet.seconds())
                over.wait(0.05)

        asker = threading.Thread(target=ask)
        asker.start()
        try:
            yield
        finally:
            over.set()
            asker.join()

    def paced(self, items: Iterable[Item]) -> Iterator[Item]:
        """Give items at the attack's rate."""
        began = time.monotonic()
        for number, item in enumerate(items):
            time.sleep(max(0.0, began + number / RATE - time.monotonic()))
            yield item

    @contextmanager
    def broker(self) -> Iterator[Any]:
        """A client of the broker."""
        with redis.Redis.from_url(app.conf.broker_url) as client:
            yield client

    def mains(self) -> dict[str, int]:
        """Process ids of the workers' main processes by name."""
        found: dict[str, int] = {}
        for process in psutil.process_iter(["pid", "ppid", "cmdline"]):
            told = " ".join(process.info["cmdline"] or ())
            for name in (INTERACTIVE, BACKGROUND):
                if f"{name}@" in told and process.info["ppid"] == os.getpid():
                    found[name] = process.info["pid"]
        return found

    def answers(self, queue: str, seconds: float = PATIENCE) -> bool:
        """Whether a good question is answered on a queue."""
        sent = self.site.send(PING, queue=queue, kwargs={})
        try:
            sent.get(timeout=seconds)
        except Exception:  # noqa: BLE001  # whatever it is, it is no answer
            return False
        finally:
            sent.backend = None
        return True

    def push(self, queue: str, task: str, body: bytes, **headers: Any) -> str:
        """Write a message straight to a queue's list; gives its task id."""
        task_id = uuid4().hex
        with self.broker() as client:
            client.lpush(queue, _written(queue, task, task_id, body, headers))
        return task_id

    def failure(self, task_id: str, seconds: float = PATIENCE) -> str:
        """The name of the error that a task ended with, and its text; empty when it ended well or not at all."""
        sent = app.AsyncResult(task_id)
        try:
            sent.get(timeout=seconds)
        except Exception as error:  # noqa: BLE001
            return f"{type(error).__name__} {error}"
        finally:
            sent.backend = None
        return ""

    def held(self) -> Counter[str]:
        """Messages in quarantine by reason."""
        with reading(EVERY_TENANT) as session:
            return Counter(entry.reason for entry in quarantine.entries(session, limit=1_000_000))


def shape(attack: Attack) -> Found:
    """Every malformed shape on two queues, then three fresh workers one after another."""
    before, mains = attack.held(), attack.mains()
    wanted: Counter[str] = Counter()
    with attack.asking(), attack.broker() as client:
        for queue in ("celery", "inference"):
            for each in attack.paced(shapes(PING, queue)):
                client.lpush(queue, each.raw)
                wanted[each.end] += each.end != "worked_on"
        answered = all(attack.answers(queue) for queue in ("celery", "inference"))
        _until(lambda: attack.held() - before == +wanted)
        missing = +wanted - (attack.held() - before)
    lost = sum(attack.mains().get(name) != pid for name, pid in mains.items())
    fresh = sum(_fresh(attack, INTERACTIVE) for _ in range(3))
    facts = {"shapes": sum(1 for _ in shapes(PING, "celery")), "held": sum(wanted.values()), "fresh_workers": fresh}
    promises = {"workers_lost": lost, "not_held": sum(missing.values()), "unanswered": (not answered) + 3 - fresh}
    return Found(facts=facts, promises=promises)


def deep(attack: Attack) -> Found:
    """Good messages and events with 500 levels of nesting, on every queue that people use."""
    mains, nested = attack.mains(), "[" * 500 + "]" * 500
    count = 5 if attack.quick else 25
    told: list[str] = []
    with attack.asking():
        for queue in ("inference", "batch"):
            body = f'[[], {{"x": {nested}}}, {{}}]'.encode()
            told += [attack.push(queue, PING, body) for _ in attack.paced(range(count))]
        events = f'{{"tenant_id": "{attack.loud}", "provider": "generic", "events": [{{"a": {nested}}}]}}'
        body = f"[[], {events}, {{}}]".encode()
        told += [attack.push("ingest", "hearth.events.ingest", body) for _ in attack.paced(range(count))]
        refused = sum("put aside" in attack.failure(task_id) for task_id in told)
        answered = sum(attack.answers(queue) for queue in ("inference", "ingest", "batch"))
    lost = sum(attack.mains().get(name) != pid for name, pid in mains.items())
    promises = {"workers_lost": lost, "unanswered": 3 - answered, "not_told": len(told) - refused}
    return Found(facts={"messages": len(told)}, promises=promises)


def bomb(attack: Attack) -> Found:
    """A message of a megabyte that unpacks to a gigabyte."""
    mains = attack.mains()
    size = 200_000_000 if attack.quick else 1_000_000_000
    packed = zlib.compress(b"[[], {}, {}]" + b" " * size, 9)
    with attack.asking():
        largest = Largest(list(mains.values()))
        task_id = attack.push("inference", PING, packed, compression="gzip")
        told = "put aside" in attack.failure(task_id)
        answered = attack.answers("inference")
        peak = largest.end()
    lost = sum(attack.mains().get(name) != pid for name, pid in mains.items())
    facts = {"bytes": len(packed), "unpacked": size, "largest_main_mb": round(peak / 1e6)}
    return Found(facts=facts, promises={"workers_lost": lost, "unanswered": int(not answered) + int(not told)})


def flood(attack: Attack) -> Found:
    """More messages of unknown tasks than a tenant's quarantine holds."""
    before = attack.held()["unknown_task"]
    count = 1_500 if attack.quick else 11_500
    body = json.dumps([[], {"tenant_id": attack.loud}, {}]).encode()
    with attack.asking():
        with attack.broker() as client:
            for _ in range(0, count, BURST):
                client.lpush("inference", *(_unknown("inference", body) for _ in range(BURST)))
        answered = attack.answers("inference")
        with attack.broker() as client:
            _until(lambda: not client.llen("inference") and not client.hlen("unacked"), 300)
            parked = int(client.llen(malformed.parked_key("inference")))
    held = attack.held()["unknown_task"] - before
    promises = {"unanswered": int(not answered), "lost": max(0, count - held - parked)}
    return Found(facts={"messages": count, "held": held, "parked": parked}, promises=promises)


def _unknown(queue: str, body: bytes) -> str:
    return _written(queue, "nobody.knows", uuid4().hex, body, {})


def callback(attack: Attack) -> Found:
    """Settings that would have events delivered into keys of the broker's own."""
    names = ["unacked", "unacked_index", "unacked_mutex", "_kombu.binding.inference", "hearth.fair.inference.ready"]
    names += ["hearth.relay.epoch", "celery", "inference", "celery-task-meta-x", "x.reply.celery.pidbox", "UNACKED"]
    refused = 0
    with attack.asking():
        for name in names:
            chosen = {"callback": {"kind": "celery", "task": "crm.told", "queue": name}}
            sent = attack.site.send(
                "hearth.tenants.configure", kwargs={"tenant_id": attack.loud, "settings": chosen}, queue="inference"
            )
            refused += _error_name(sent.id) == "InvalidPayload"
        answered = sum(attack.answers(queue) for queue in ("celery", "inference", "ingest", "batch"))
    return Found(facts={"names": len(names)}, promises={"accepted": len(names) - refused, "unanswered": 4 - answered})


def slow_cells(attack: Attack) -> Found:
    """A small file of long cells; another tenant imports two rows meanwhile."""
    rows, blanks = (5, 8_000) if attack.quick else (20, 32_000)
    slow, small = attack.site.files / "slow.csv", attack.site.files / "small.csv"
    phone = "1" + " " * blanks + "x"
    slow.write_text(
        "external_id,phone,created_at\n" + "".join(f"s{n},{phone},2026-01-01{' ' * blanks}x\n" for n in range(rows))
    )
    small.write_text("external_id,phone\nq1,+14155550101\nq2,+14155550102\n")
    alone = import_file(attack.site, attack.quiet.tenant_id, small, profile="canonical")
    seconds: dict[str, float] = {}

    def attacker() -> None:
        seconds["slow"] = import_file(attack.site, attack.loud, slow, profile="canonical", max_error_rate=1.0)

    with attack.asking():
        thread = threading.Thread(target=attacker)
        thread.start()
        time.sleep(0.2)
        seconds["small"] = import_file(
            attack.site, attack.quiet.tenant_id, small, profile="canonical", policy="overwrite"
        )
        thread.join()
    facts = {"bytes": slow.stat().st_size, "alone_s": round(alone, 2)}
    return Found(facts=facts | {f"{name}_s": round(value, 2) for name, value in seconds.items()}, promises={})


def slow_times(attack: Attack) -> Found:
    """Events whose times are long runs of blanks."""
    blanks = " " * 24_000
    events = [{"type": "note", "lead_id": f"n{n}", "at": f"2026-01-01{blanks}x"} for n in range(3)]
    with attack.asking():
        sent = [
            attack.site.send(
                "hearth.events.ingest",
                kwargs={"tenant_id": attack.loud, "provider": "generic", "events": [event], "signature_verified": True},
                queue="ingest",
            )
            for event in events
        ]
        began = time.monotonic()
        told = [attack.failure(each.id) for each in sent]
        lasted = time.monotonic() - began
        answered = attack.answers("ingest")
    unexpected = sum("Unexpected" in each for each in told)
    promises = {"unanswered": int(not answered), "unexpected": unexpected}
    return Found(facts={"events": len(events), "seconds": round(lasted, 2)}, promises=promises)


def fuzz(attack: Attack) -> Found:
    """Spoilt calls of every public task, by messages."""
    mains, ends, echoed = attack.mains(), Counter[str](), 0
    known = {"tenant_id": [attack.loud], "contract": ["1"]}
    with attack.asking():
        for name, contract in sorted(registry.public_contracts().items()):
            payloads = Payloads(contract.model_json_schema(), attack.random, known)
            calls = range(3 if attack.quick else 30)
            sent = [_spoilt_call(attack, name, payloads) for _ in attack.paced(calls)]
            for each in filter(None, sent):
                told = attack.failure(each)
                ends[told.partition(" ")[0] or "ok"] += 1
                echoed += CANARY in told
        answered = sum(attack.answers(queue) for queue in ("celery", "inference", "ingest", "batch"))
    lost = sum(attack.mains().get(name) != pid for name, pid in mains.items())
    declared = {"ok", *(each.__name__ for each in TaskError.__subclasses__())} - {"Unexpected"}
    undeclared = sum(count for name, count in ends.items() if name not in declared)
    promises = {"undeclared": undeclared, "echoed": echoed}
    promises |= {"workers_lost": lost, "unanswered": 4 - answered}
    return Found(facts={"calls": ends.total(), "ends": dict(ends)}, promises=promises)


def _spoilt_call(attack: Attack, name: str, payloads: Payloads) -> str | None:
    """Send one; None where no client could write it down."""
    payload = spoilt(payloads.make(), attack.random)
    try:
        sent = attack.site.send(name, kwargs=payload)
    except (ValueError, TypeError, RecursionError, EncodeError):
        return None
    sent.backend = None
    return str(sent.id)


def files(attack: Attack) -> Found:
    """Files of the workers' machine, asked for by messages alone."""
    paths = private_files(attack.site.home)
    opened = 0
    with attack.asking():
        for path in paths:
            for uri in (str(path), path.as_uri()):
                sent = attack.site.send(
                    "hearth.backfill.csv",
                    kwargs={"tenant_id": attack.loud, "uri": uri, "mapping": {"columns": {"root": "external_id"}}},
                    queue="batch",
                )
                opened += _error_name(sent.id) != "InvalidPayload"
    return Found(facts={"files": len(paths)}, promises={"opened": opened})


def private_files(home: Path) -> Sequence[Path]:
    """Files that a producer must not read, as far as this machine has them."""
    wanted = [Path("/etc/passwd"), Path("/etc/hosts"), Path("/proc/self/environ"), home / "keys", home / "cluster.json"]
    return [path for path in (*wanted, *home.glob("*.conf"), *home.glob("logs/*.log")) if path.exists()]


@dataclass(slots=True)
class Largest:
    """The most memory that processes have, looked at ten times a second."""

    pids: Sequence[int]
    most: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> int:
        """Bytes of the largest."""
        self._over.set()
        assert self._thread is not None
        self._thread.join()
        return self.most

    def _look(self) -> None:
        while not self._over.wait(0.1):
            for pid in self.pids:
                try:
                    self.most = max(self.most, psutil.Process(pid).memory_info().rss)
                except psutil.Error:
                    continue


def _written(queue: str, task: str, task_id: str, body: bytes, headers: Json) -> str:
    """A message as it lies on a list."""
    properties = {
        "correlation_id": task_id,
        "delivery_tag": task_id,
        "delivery_info": {"exchange": "", "routing_key": queue},
        "priority": 0,
        "body_encoding": "base64",
    }
    entry = {
        "body": base64.b64encode(body).decode(),
        "headers": {"lang": "py", "task": task, "id": task_id, **headers},
        "properties": properties,
        "content-type": "application/json",
        "content-encoding": "utf-8",
    }
    return json.dumps(entry)


def _fresh(attack: Attack, name: str) -> bool:
    """Whether a new process of a worker answers after the old one was killed."""
    pid = attack.mains()[name]
    os.kill(pid, signal.SIGKILL)
    _until(lambda: attack.mains().get(name, pid) != pid)
    return attack.answers("inference") and attack.answers("celery")


def _error_name(task_id: str) -> str:
    """The class of the error that a task ended with; empty when it ended well."""
    sent = app.AsyncResult(task_id)
    try:
        sent.get(timeout=PATIENCE)
    except Exception as error:  # noqa: BLE001
        return type(error).__name__
    finally:
        sent.backend = None
    return ""


def _until(condition: Callable[[], Any], patience: float = PATIENCE) -> None:
    """Return when a condition holds, or patience ends."""
    deadline = time.monotonic() + patience
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)


STRIKES: Mapping[str, Strike] = {
    "shapes": shape,
    "deep": deep,
    "bomb": bomb,
    "flood": flood,
    "callback": callback,
    "slow_cells": slow_cells,
    "slow_times": slow_times,
    "files": files,
    "fuzz": fuzz,
}
