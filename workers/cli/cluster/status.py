"""`hearth status`: queues, workers, canaries and what waits for a person, in one view.

It asks broker, database and workers itself, so that it also answers where no worker takes a task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

import click
from kombu.exceptions import OperationalError
from redis import Redis, RedisError

from db.session import EVERY_TENANT, reading
from domain.documents import JsonMapping, JsonObject
from tasks.contracts.base.wire import to_wire
from tasks.runtime.broker.queue_depth import depths
from tasks.services import cluster_view
from workers.app import app
from workers.base.settings import Settings, settings
from workers.cli.base.command import Command, CommandFailed, example, json_option
from workers.cli.base.database import database
from workers.cli.base.formatting import moment, seconds
from workers.cli.base.output import emit, facts, say, table
from workers.cluster import embedded

#: seconds that workers get to answer, and the broker
ANSWER, BROKER = 1.0, 2.0
NOBODY = "no worker answers: nothing is done until one runs"
NO_CLUSTER = "no cluster is running: start one with `hearth up`, or set REDIS_URL to its broker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """The workers that answered, and those of the embedded cluster that did not."""

    #: name -> the queues that it takes messages from
    alive: Mapping[str, Sequence[str]]
    silent: tuple[str, ...]


@click.command(cls=Command, epilog=example("hearth status", "hearth status --json"))
@json_option
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Queues, workers and dead letters of the running cluster; exits with 1 when something does not run.

    Depth is the number of messages that wait; the waits are those of canaries, messages that go through each queue
    every 15 seconds. Starts nothing.
    """
    chosen = settings()
    expected = _join(chosen)
    figures, workers = _backlog(chosen), _workers(expected)
    data = _view(figures, workers)
    if as_json:
        emit(data)
    else:
        _show(data)
    if not data["ok"]:
        context.exit(1)


def _join(chosen: Settings) -> tuple[str, ...]:
    """Join the running cluster and return the names of its workers as far as they are known.

    Raises:
        CommandFailed: none runs.

    """
    if chosen.redis_url:
        embedded.join(chosen.redis_url)
        return ()
    cluster = embedded.attach(chosen)
    if cluster is None:
        raise CommandFailed(NO_CLUSTER)
    return tuple(cluster.facts["workers"])


def _backlog(chosen: Settings) -> JsonMapping:
    queues = sorted(queue.name for queue in app.conf.task_queues)
    try:
        with Redis.from_url(app.conf.broker_url, socket_timeout=BROKER, socket_connect_timeout=BROKER) as broker:
            waiting = depths(broker, queues)
    except RedisError as error:
        raise OperationalError(str(error)) from error
    with database(chosen), reading(EVERY_TENANT) as session:
        return cluster_view.backlog(session, waiting)


def _workers(expected: Sequence[str]) -> Workers:
    answers = app.control.inspect(timeout=ANSWER).active_queues() or {}
    alive = {name: sorted(queue["name"] for queue in queues) for name, queues in sorted(answers.items())}
    answered = {name.partition("@")[0] for name in alive}
    return Workers(alive=alive, silent=tuple(name for name in expected if name not in answered))


def _view(figures: JsonMapping, workers: Workers) -> JsonObject:
    """Return the document of the view: the task's figures, and the workers."""
    alive = [{"name": name, "alive": True, "queues": list(queues)} for name, queues in workers.alive.items()]
    silent = [{"name": name, "alive": False, "queues": []} for name in workers.silent]
    data: JsonObject = to_wire(
        {
            "version": version("hearth"),
            "ok": bool(alive) and not silent and not _without_workers(figures, workers),
            "workers": [*alive, *silent],
            **figures,
        }
    )
    return data


def _without_workers(figures: JsonMapping, workers: Workers) -> list[str]:
    """Return the queues in which messages wait and which no worker takes from."""
    taken = {queue for queues in workers.alive.values() for queue in queues}
    return [name for name, queue in figures["queues"].items() if queue["depth"] and name not in taken]


def _show(data: JsonMapping) -> None:
    workers = data["workers"]
    alive = sum(worker["alive"] for worker in workers)
    say(f"hearth {data['version']}: " + (f"{alive} of {len(workers)} workers answer" if alive else NOBODY))
    if workers:
        rows = [(one["name"], "yes" if one["alive"] else "NO", ", ".join(one["queues"])) for one in workers]
        table("workers", ("worker", "answers", "queues"), rows)
    taken = {queue for one in workers for queue in one["queues"]}
    columns = ("queue", "depth", "oldest waits", "estimated wait", "last canary", "")
    table("queues", columns, [_queue(name, queue, taken) for name, queue in data["queues"].items()])
    facts("what waits", _waits(data))


def _queue(name: str, queue: JsonMapping, taken: set[str]) -> tuple[object, ...]:
    canary = queue["canary"]
    sent = moment(datetime.fromisoformat(canary["sent_at"])) if canary else None
    state = sent and (sent if canary["arrived_at"] else f"{sent}, still under way")
    waits = seconds(queue["oldest_age"] or None), seconds(queue["estimated_wait"])
    return (name, queue["depth"], *waits, state, "" if name in taken else "no worker")


def _waits(data: JsonMapping) -> dict[str, object]:
    outbox, events, held = data["outbox"], data["outbound"], data["quarantine"]
    oldest = f", the oldest for {seconds(outbox['oldest_age'])}" if outbox["waiting"] else ""
    overflowed = f", {held['overflowed']} more did not fit" if held["overflowed"] else ""
    return {
        "tasks for the broker": f"{outbox['waiting']}{oldest}",
        "events for the CRM": f"{events['pending']} to be delivered",
        "dead letters": _with_hint(events["dead"], "", "hearth outbound dead --tenant T"),
        "quarantine": _with_hint(held["held"], overflowed, "hearth quarantine list"),
    }


def _with_hint(count: int, more: str, command: str) -> str:
    return f"{count}{more} (`{command}`)" if count or more else "0"
