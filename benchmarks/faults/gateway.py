"""G1: the gateway, the broker or the workers killed while programs send leads over HTTP; each 202 takes effect once."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections import Counter
from collections.abc import Collection
from contextlib import closing, suppress
from dataclasses import dataclass, field
from random import Random
from uuid import uuid4

from benchmarks import gateway_client
from benchmarks.faults.load import SETTLE
from benchmarks.faults.plan import Round
from benchmarks.faults.site import PATIENCE, WORKERS, Site
from benchmarks.faults.tally import Count, Tally
from benchmarks.gateway_client import GATEWAY, UPSERT, Key
from db.repositories import audit
from db.session import EVERY_TENANT, reading
from workers.cluster.addresses import free_port
from workers.cluster.supervisor import ProcessSpec

#: what is killed, one after the other over the rounds, and then any two at once
TARGETS = (("gateway",), ("broker",), WORKERS, ("gateway", "broker"), ("gateway", *WORKERS), ("broker", *WORKERS))
#: programs that send at the same time, and seconds until one tries again
PROGRAMS, AGAIN = 4, 0.2
#: the status that counts, and those after which the same request is sent again; 0: the connection broke
ACCEPTED, NOT_NOW = 202, (0, 429, 503)
#: of each upsert that was done: the id in it
DONE = """SELECT result::json -> 'data' -> 'external_ids' ->> 0 FROM processed
 WHERE tenant_id = :tenant AND task = 'hearth.leads.upsert' AND done"""
LEADS = "SELECT count(*), count(DISTINCT lead_id) FROM leads WHERE tenant_id = :tenant"


def g1(here: Round, tally: Tally) -> None:
    """SIGKILL to one or two of gateway, broker and workers; requests are repeated until each has its 202."""
    site, random = here.site, here.random
    targets = TARGETS[here.number % len(TARGETS)]
    programs = Programs(port=_gateway(site), tenant=site.tenant(), random=random)
    programs.begin(here.rate)
    time.sleep(here.seconds * (0.5 + random.random()))
    site.processes.kill(*targets)
    struck = time.monotonic()
    tally.kills += 1
    time.sleep(here.seconds * random.random())
    site.processes.start(*targets)
    programs.end()
    back = programs.again(site, struck)
    tally.recoveries.append(back)
    tally.must("the gateway takes work again", hold=back < PATIENCE)
    tally.must("no good request is refused for good", hold=not programs.refused)
    tally.must("the gateway does not end by itself", hold=not site.deaths["gateway"])
    _settle(site, programs, tally)
    told = tally.notes.setdefault("killed", [])
    told.append({"what": "+".join(targets), "accepted": len(programs.accepted), "recovery_s": round(back, 2)})


def _gateway(site: Site) -> int:
    """The port of the site's gateway, which is started where none runs."""
    if "gateway" not in site.processes.specs:
        base = {**os.environ, "HEARTH_GATEWAY_PORT": str(free_port())}
        url = site.postgres.url
        env = gateway_client.environment(site.home, url, site.broker.get_secret_value(), base)
        site.processes.add(ProcessSpec(name="gateway", argv=GATEWAY, env=env))
        site.processes.start("gateway")
    port = int((site.processes.specs["gateway"].env or {})["HEARTH_GATEWAY_PORT"])
    gateway_client.wait_ready(port, PATIENCE)
    return port


@dataclass(slots=True, kw_only=True)
class Programs:
    """Programs of one tenant that send a lead a request, each again and again until it has its 202."""

    port: int
    tenant: str
    random: Random
    #: ids of leads for which a 202 came
    accepted: set[str] = field(default_factory=set)
    #: statuses of requests that were given up
    refused: list[int] = field(default_factory=list)
    #: requests that broke or were put off, and were sent again
    repeated: int = 0
    _keys: list[Key] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self, rate: int) -> None:
        """Let requests come until `end`, about `rate` a second; half of the programs sign, half name a key."""
        self._keys = [gateway_client.make_key(self.tenant, auth) for auth in ("bearer", "signed")]
        pauses = [Random(self.random.random()) for _ in range(PROGRAMS)]
        for number, pause in enumerate(pauses):
            key = self._keys[number % 2]
            thread = threading.Thread(target=self._come, args=(key, pause, PROGRAMS / rate), daemon=True)
            self._threads.append(thread)
            thread.start()

    def end(self) -> None:
        """No more requests than those that have no 202 yet."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def again(self, site: Site, since: float) -> float:
        """Seconds from `since` (monotonic) until a request that is sent now has its effect; inf when it has none."""
        job = f"back-{uuid4().hex[:12]}"
        asking = threading.Thread(target=self._until_taken, args=(self._keys[0], job), daemon=True)
        asking.start()
        while time.monotonic() - since < PATIENCE:
            site.deaths.update(site.processes.revive())
            if job in self.accepted and job in effects(site, self.tenant):
                return time.monotonic() - since
            time.sleep(0.05)
        return float("inf")

    def _come(self, key: Key, pause: Random, seconds: float) -> None:
        while not self._ended.wait(2 * seconds * pause.random()):
            self._until_taken(key, uuid4().hex)

    def _until_taken(self, key: Key, job: str) -> None:
        """Send one request until it is accepted or refused for good, the same bytes each time."""
        body = gateway_client.upsert_of(job)
        lines = key.headers(body) + (f"Idempotency-Key: {job}\r\n" if key.auth == "bearer" else "")
        headers = dict(line.split(": ", 1) for line in lines.strip().split("\r\n"))
        deadline = time.monotonic() + PATIENCE
        while (status := self._post(body, headers)) in NOT_NOW and time.monotonic() < deadline:
            self.repeated += 1
            time.sleep(AGAIN)
        if status == ACCEPTED:
            self.accepted.add(job)
        else:
            self.refused.append(status)

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        """The status of one try; 0: the connection broke."""
        with (
            suppress(OSError, http.client.HTTPException),
            closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection,
        ):
            connection.request("POST", UPSERT, body, headers)
            with closing(connection.getresponse()) as answer:
                return answer.status
        return 0


def effects(site: Site, tenant: str) -> Counter[str]:
    """How often each lead was written by an upsert that was done."""
    return Counter(str(row[0]) for row in site.rows(DONE, tenant=tenant))


def _settle(site: Site, programs: Programs, tally: Tally) -> None:
    """Wait until every accepted upsert has its effect, or for long none more; count what became of them."""
    since, left = time.monotonic(), len(programs.accepted)
    while (missing := _missing(site, programs)) and time.monotonic() - since < SETTLE:
        since, left = (time.monotonic(), len(missing)) if len(missing) != left else (since, left)
        time.sleep(0.3)
    done = effects(site, programs.tenant)
    tally.database.add(
        Count(
            accepted=len(programs.accepted),
            done=len(programs.accepted) - len(missing),
            lost=len(missing),
            duplicate_effects=sum(times - 1 for times in done.values()),
        )
    )
    ((rows, leads),) = site.rows(LEADS, tenant=programs.tenant)
    tally.must("each lead is there once", hold=rows == leads == len(done))
    tally.must("nothing was done that no program sent", hold=len(done) <= len(programs.accepted))
    tally.notes["repeated"] = tally.notes.get("repeated", 0) + programs.repeated
    with reading(EVERY_TENANT) as session:
        tally.broken_chains += not audit.verify(session, programs.tenant).ok


def _missing(site: Site, programs: Programs) -> Collection[str]:
    return programs.accepted - effects(site, programs.tenant).keys()
