"""How many upserts a second the HTTP gateway takes, and how soon it says so, beside workers that do them.

One program with several open connections sends one lead a request. First each connection sends the next request as soon
as it has an answer, then requests are due at the rate of the goal, whether earlier ones were answered or not. Then each
accepted lead must be there, once.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import count

from sqlalchemy import ColumnElement, func, select

from benchmarks import gateway_client, harness
from benchmarks.figures import Figures, Outcome, Ratio, percentile, rounded
from benchmarks.gateway_client import Auth, Key, Running, Sent
from benchmarks.harness import SEED, Site
from db.models import IdempotencyKey, Lead
from db.session import EVERY_TENANT, reading

#: accepted upserts a second, and the most milliseconds to the 202 at that rate
RATE_GOAL, P95_GOAL = 300.0, 50.0
CONNECTIONS = 32
#: connections of a caller with few programs, each of which waits for its answer
FEW = 8
WAYS: tuple[Auth, ...] = ("bearer", "signed")
#: requests before the first that counts: the gateway opens its connections and builds its models
WARM_UP = 50
#: seconds that the workers get for what was accepted
PATIENCE = 120.0
UPSERT = "hearth.leads.upsert"


def measure(quick: bool) -> Outcome:
    """Send upserts on both databases and in both ways; `quick`: on PostgreSQL, with a bearer key."""
    number = 600 if quick else 3000
    figures: Figures = {
        "unit": "ms from the moment a request was due to its 202",
        "connections": CONNECTIONS,
        "few": FEW,
    }
    ratios: dict[str, Ratio] = {}
    for kind in harness.kinds(quick):
        with harness.site(kind) as site, _gateway(site) as gateway:
            figures[kind] = {}
            for auth in WAYS[:1] if quick else WAYS:
                figures[kind][auth] = told = _measured(site, gateway, auth, number)
                ratios |= _ratios(told, f"{auth}.{kind}")
    return Outcome(data="simulated leads, one a request", rows=number, seed=SEED, figures=figures, ratios=ratios)


def _gateway(site: Site) -> AbstractContextManager[Running]:
    redis_url = str(site.client.conf.broker_url)
    env = gateway_client.environment(site.home, site.url, redis_url, os.environ)
    return gateway_client.running(env, site.home / "logs" / "gateway.log")


def _measured(site: Site, gateway: Running, auth: Auth, number: int) -> Figures:
    tenant_id = f"{auth}-gateway"
    site.call("hearth.tenants.configure", tenant_id=tenant_id)
    key, names = gateway_client.make_key(tenant_id, auth), (f"l{each}" for each in count())
    sent = _send(gateway.port, key, [next(names) for _ in range(WARM_UP)], None)
    told: Figures = {}
    for way, rate, connections in (
        ("as_fast_as_answered", None, CONNECTIONS),
        ("few_connections", None, FEW),
        ("at_the_goals_rate", RATE_GOAL, CONNECTIONS),
    ):
        began, used = time.perf_counter(), gateway.cpu()
        found = _send(gateway.port, key, [next(names) for _ in range(number)], rate, connections)
        told[way] = _shown(found, time.perf_counter() - began, gateway.cpu() - used)
        sent += found
        _drain(tenant_id, sent)
    return {**told, **_checked(tenant_id, sent)}


def _send(port: int, key: Key, names: Sequence[str], rate: float | None, connections: int = CONNECTIONS) -> list[Sent]:
    return asyncio.run(gateway_client.send(port, key, names, connections=connections, rate=rate))


def _shown(found: Sequence[Sent], seconds: float, cpu: float) -> Figures:
    accepted = [1000 * each.seconds for each in found if each.status == 202]
    statuses = Counter(str(each.status) for each in found)
    return {
        "accepted_per_s": rounded(len(accepted) / seconds),
        **{f"p{share}": rounded(percentile(accepted, share / 100)) for share in (50, 95, 99)},
        # tells of the gateway alone, whatever else the machine does
        "gateway_cpu_ms_each": rounded(1000 * cpu / len(found)),
        "statuses": dict(statuses),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def _drain(tenant_id: str, sent: Sequence[Sent]) -> None:
    """Return when the workers have done what was accepted, or for a while none more."""
    accepted = sum(each.status == 202 for each in sent)
    done, since = -1, time.monotonic()
    while (now_done := _done(tenant_id)) < accepted and time.monotonic() - since < PATIENCE:
        done, since = now_done, since if now_done == done else time.monotonic()
        time.sleep(1)


def _done(tenant_id: str) -> int:
    """How many upserts were done."""
    with reading(EVERY_TENANT) as session:
        return session.scalar(select(func.count()).where(*_of(tenant_id))) or 0


def _of(tenant_id: str) -> tuple[ColumnElement[bool], ...]:
    return (IdempotencyKey.tenant_id == tenant_id, IdempotencyKey.task == UPSERT, IdempotencyKey.done.is_(True))


def _results(tenant_id: str) -> list[int]:
    """How many leads each upsert that was done created."""
    query = select(IdempotencyKey.result).where(*_of(tenant_id))
    with reading(EVERY_TENANT) as session:
        return [int(result["data"]["created"]) for result in session.scalars(query) if result]


def _checked(tenant_id: str, sent: Sequence[Sent]) -> Figures:
    """What became of the accepted: each must have made its lead, and no second effect."""
    accepted = [each.external_id for each in sent if each.status == 202]
    results = _results(tenant_id)
    with reading(EVERY_TENANT) as session:
        stored = session.scalar(select(func.count()).select_from(Lead).where(Lead.tenant_id == tenant_id)) or 0
    told = {"accepted": len(accepted), "leads": stored, "effects": len(results), "created": sum(results)}
    if len(set(told.values())) != 1:
        raise RuntimeError(f"not every accepted upsert took effect once: {told}")
    return told


def _ratios(told: Figures, where: str) -> dict[str, Ratio]:
    fast, paced = told["as_fast_as_answered"], told["at_the_goals_rate"]
    rate = Ratio(
        value=fast["accepted_per_s"],
        goal=RATE_GOAL,
        better="higher",
        of=f"accepted upserts a second over {CONNECTIONS} connections, {where}",
    )
    p95 = Ratio(
        value=paced["p95"], goal=P95_GOAL, better="lower", of=f"ms to the 202 at {RATE_GOAL:.0f} a second, {where}"
    )
    return {f"accepted_per_s.{where}": rate, f"accepted_p95_ms.{where}": p95}


if __name__ == "__main__":
    harness.run("gateway", measure)
