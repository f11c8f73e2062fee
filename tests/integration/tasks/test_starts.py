"""A message whose process dies over it is started six times, whatever brings its copies, and then held once.

What a worker does is done here in one process, message by message, with a real broker, the worker's own requests and
the real relay; a death is an exception that nobody catches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import uuid4

import pytest
import redis
from billiard.einfo import ExceptionInfo
from billiard.exceptions import WorkerLostError
from pydantic import SecretStr
from sqlalchemy import text

from db import session as sessions
from db.encryption import KeyRing
from db.errors import DatabaseUnavailable
from db.records import OutboxDraft, QuarantineEntry
from db.repositories.jobs import outbox, quarantine
from db.session import EVERY_TENANT, Session, reading, transaction
from tasks.contracts.base.request import Request
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.failures.delivery_attempts import MAX_ATTEMPTS
from tasks.runtime.leases import LeaseBusy
from tasks.runtime.task import effect
from tasks.tenants import configure
from tests.support.broker import running
from workers.app import app
from workers.cluster.embedded import join
from workers.delivery.relay import Relay, RelayLimits
from workers.worker.poison_request import GuardedRequest

# Celery's result backend asks redis-py by an old name
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")

AWAY = "postgresql://nobody@127.0.0.1:1/none"
#: what the relay looks at is published, and published again
AGAIN = RelayLimits(older_than=0.0, redo_after=0.0, redo_every=0.0)
Act = Callable[["Worker", Any], None]


class Died(BaseException):
    """The process is gone; something happens before its worker sees that."""

    def __init__(self, meanwhile: Callable[[], Any] = lambda: None) -> None:
        super().__init__()
        self.meanwhile = meanwhile


class Deadly(Request):
    """Nothing but its tenant."""


@dataclass
class Worker:
    """A worker of one queue that takes one message at a time, whenever it is due."""

    random: Random
    #: what becomes of the next starts; when there is nothing left, of all others
    acts: list[Act]
    rest: Act
    started: int = 0
    #: what the starts that ended well have answered
    done: list[dict[str, Any]] = field(default_factory=list)
    relay: Relay = field(default_factory=lambda: Relay(app, AGAIN))
    connection: Any = field(default_factory=app.connection_for_read)
    #: what was taken and is worked on
    message: Any = None

    def work(self, most: int = 200) -> None:
        """Take what there is until there is nothing more."""
        for _ in range(most):
            if not self.take():
                return
        raise AssertionError(f"there is more after {most} messages")

    def take(self) -> bool:
        """Take one message; whether there was any."""
        queue = app.amqp.queues["ingest"].bind(self.connection.default_channel)
        self.message = queue.get(accept=["json"])
        if self.message is not None:
            self._handle(self.message)
        return self.message is not None

    def _handle(self, message: Any) -> None:
        ends = {"on_ack": message.ack_log_error, "on_reject": message.reject_log_error, "connection_errors": ()}
        request = GuardedRequest(message, app=app, task=fall, **ends)
        try:
            answered = in_child(request)
        except MainDied:
            message.reject(requeue=True)  # as the broker does that does not hear from it
        except Died as death:
            death.meanwhile()
            request.on_failure(lost())
        except Exception:  # as a child tells its worker
            request.on_failure(ExceptionInfo(), return_ok=True)
        else:
            self.done.append(answered)
            request.acknowledge()

    def close(self) -> None:
        """Let the broker go."""
        self.relay.close()
        self.connection.release()


class MainDied(Died):
    """The worker is gone, with all its processes."""


def in_child(request: GuardedRequest) -> dict[str, Any]:
    args, kwargs, _ = request._payload
    fall.push_request(request.request_dict, args=args, kwargs=kwargs, called_directly=False)
    try:
        return fall.answer(tuple(args), kwargs)
    finally:
        fall.pop_request()


def lost() -> ExceptionInfo:
    try:
        raise WorkerLostError("signal 9")  # noqa: TRY301
    except WorkerLostError:
        return ExceptionInfo()


workers: list[Worker] = []


@effect("tests.starts.fall", Deadly, queue="celery")
def fall(_: Session, request: Deadly, context: TaskContext) -> TaskResult:
    """Does as the test tells it."""
    worker = workers[-1]
    worker.started += 1
    (worker.acts.pop(0) if worker.acts else worker.rest)(worker, context)
    return TaskResult(data={})


def die(*_: Any) -> None:
    raise Died


def die_with_worker(*_: Any) -> None:
    raise MainDied


def die_and_come_again(worker: Worker, _: Any) -> None:
    """The broker believes the worker dead and gives the message to somebody else while it is tried here."""
    qos, tag = worker.message.channel.qos, worker.message.delivery_tag
    raise Died(lambda: qos.restore_by_tag(tag))


def die_and_be_published_again(worker: Worker, _: Any) -> None:
    raise Died(worker.relay.step)


def trouble(*_: Any) -> None:
    raise DatabaseUnavailable("away")


def busy(*_: Any) -> None:
    raise LeaseBusy("another")


def well(*_: Any) -> None:
    return None


DEATHS: tuple[Act, ...] = (die, die_with_worker, die_and_come_again, die_and_be_published_again)


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    before = app.conf.broker_url
    with running(tmp_path_factory.mktemp("broker")) as url:
        join(SecretStr(url))
        yield url
    join(SecretStr(before))


@pytest.fixture
def worker(broker_url: str, sqlite_database: str, request: pytest.FixtureRequest) -> Iterator[Worker]:
    with redis.Redis.from_url(broker_url) as client:
        client.flushall()
    configure(tenant_id="acme")
    made = Worker(random=Random(request.node.name), acts=[], rest=die)
    workers.append(made)
    yield made
    workers.clear()
    made.close()


def send() -> str:
    """Straight to the broker; gives the task id."""
    sent = app.send_task(fall.name, kwargs={"tenant_id": "acme"}, queue="ingest", task_id=uuid4().hex)
    return str(sent.id)


def write(worker: Worker) -> str:
    """To the outbox, and the relay publishes it; gives the task id."""
    draft = OutboxDraft(task=fall.name, queue="ingest", kwargs={"tenant_id": "acme"})
    with transaction(EVERY_TENANT) as session:
        (row,) = outbox.add(session, "acme", drafts=[draft], now=datetime.now(UTC))
    worker.relay.step()
    return row.outbox_id


def held() -> list[QuarantineEntry]:
    with reading(EVERY_TENANT) as session:
        return quarantine.entries(session, "acme")


def counted() -> list[int]:
    with reading(EVERY_TENANT) as session:
        return [row[0] for row in session.execute(text("SELECT count FROM attempts"))]


def undone() -> int:
    with reading(EVERY_TENANT) as session:
        return int(session.execute(text("SELECT count(*) FROM outbox WHERE done_at IS NULL")).scalar_one())


def is_held(task_id: str) -> bool:
    """Whether this message and nothing else is held, once, for the number of its starts."""
    (entry,) = held()
    with reading(EVERY_TENANT) as session:
        record = quarantine.get(session, "acme", quarantine_id=entry.quarantine_id)
    assert record is not None
    headers = record.headers.get("headers", record.headers)
    return (entry.reason, entry.task, headers["id"]) == ("attempts", fall.name, task_id)


@pytest.mark.parametrize("act", [die, die_with_worker, die_and_come_again])
def test_a_message_that_kills_is_started_six_times(worker: Worker, act: Act) -> None:
    worker.rest = act
    task_id = send()
    worker.work()
    assert worker.started == MAX_ATTEMPTS
    assert is_held(task_id)


@pytest.mark.parametrize("act", DEATHS)
def test_a_row_that_kills_is_started_six_times_and_published_no_more(worker: Worker, act: Act) -> None:
    worker.rest = act
    task_id = write(worker)
    worker.work()
    assert worker.started <= MAX_ATTEMPTS
    assert is_held(task_id)
    assert undone() == 0
    worker.relay.step()
    worker.work(most=1)


@pytest.mark.parametrize("seed", range(6))
def test_copies_share_one_count_whatever_brings_them(worker: Worker, seed: int) -> None:
    """Each copy that the relay, the broker and Celery make may start, and all together they start no more often."""
    random = Random(seed)
    worker.acts = [random.choice(DEATHS) for _ in range(MAX_ATTEMPTS + 10)]
    task_id = write(worker) if seed % 2 else send()
    worker.work()
    assert 4 <= worker.started <= MAX_ATTEMPTS
    assert is_held(task_id)
    assert undone() == 0


def test_several_copies_that_wait_at_once_share_one_count(worker: Worker) -> None:
    task_id = write(worker)
    for _ in range(4):
        worker.relay.step()
    worker.work()
    assert worker.started <= MAX_ATTEMPTS
    assert is_held(task_id)


def test_another_message_of_the_same_kind_has_its_own_count(worker: Worker) -> None:
    bad = send()
    worker.work()
    worker.acts, worker.rest = [die], well
    good = send()
    worker.work()
    assert is_held(bad)
    assert [answer["task_id"] for answer in worker.done] == [good]


def test_a_first_delivery_is_not_counted(worker: Worker) -> None:
    worker.rest = well
    send()
    write(worker)
    worker.work()
    assert (worker.started, counted()) == (2, [])


def test_trouble_that_passes_is_no_death(worker: Worker) -> None:
    """Five tries went with trouble; a death after that is the first one."""
    worker.acts, worker.rest = [trouble] * 5 + [die], well
    send()
    worker.work()
    assert (len(worker.done), held()) == (1, [])


def test_deaths_among_troubles_are_counted_and_nothing_else(worker: Worker) -> None:
    worker.acts = [die, trouble, busy, die, busy, trouble, die, busy]
    task_id = send()
    worker.work()
    assert worker.started == MAX_ATTEMPTS + 5
    assert is_held(task_id)


def test_waiting_for_a_lease_is_no_death_of_any_copy(worker: Worker) -> None:
    worker.acts, worker.rest = [busy] * 20, well
    write(worker)
    for _ in range(3):
        worker.relay.step()
    worker.work()
    assert worker.done
    assert (worker.acts, held()) == ([], [])


def test_a_database_that_is_away_for_long_poisons_nothing(
    worker: Worker, sqlite_database: str, test_keyring: KeyRing
) -> None:
    """The relay publishes the row again and again, each copy goes on trying, and in the end it is done."""
    write(worker)
    for _ in range(3):
        worker.relay.step()
        sessions.configure(AWAY, test_keyring)
        assert all(worker.take() for _ in range(20))
        sessions.configure(sqlite_database, test_keyring)
    assert (worker.started, counted(), held()) == (0, [], [])
    worker.rest = trouble
    for _ in range(MAX_ATTEMPTS + 1):
        worker.relay.step()
        assert all(worker.take() for _ in range(20))
    assert held() == []
    worker.rest = well
    worker.relay.step()
    worker.work()
    assert (len(worker.done) > 0, undone(), held()) == (True, 0, [])
