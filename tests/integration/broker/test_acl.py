"""The broker's users as the page tells them, on a real broker: what each of them needs works, and nothing else."""

import hashlib
import json
import re
import signal
import threading
from uuid import uuid4

import pytest
import redis
from celery import Celery
from pydantic import SecretStr

from tests.support.commands import ROOT
from tests.support.transport import consuming
from workers.base import internal_keys
from workers.cluster import broker as brokers
from workers.cluster.result_cleanup import release
from workers.cluster.supervisor import ProcessSpec, Supervisor

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
USERS = re.findall(r"^user .+$", PAGE, flags=re.MULTILINE)
ANSWER = "celery-task-meta-"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where a broker with the page's users is, and one user more who may do everything."""
    home, port = tmp_path_factory.mktemp("broker"), brokers.free_port()
    digest = hashlib.sha256(b"secret").hexdigest()
    lines = [line.replace("<sha256>", digest) for line in [*USERS, "user admin on #<sha256> ~* &* +@all"]]
    (home / "users.acl").write_text("\n".join(lines) + "\n")
    settings = f'bind 127.0.0.1\nport {port}\ndir "{home}"\nsave ""\naclfile "{home}/users.acl"\n'
    (home / "broker.conf").write_text(settings)
    argv = (brokers.find(), str(home / "broker.conf"))
    supervisor = Supervisor(logs=home / "logs")
    try:
        supervisor.add(ProcessSpec(name="broker", argv=argv, orphan_signal=signal.SIGTERM, phase=1))
        brokers.wait_for(SecretStr(url_of("admin", port)), supervisor.check)
        yield port
    finally:
        supervisor.stop()


def url_of(user, port):
    return f"redis://{user}:secret@127.0.0.1:{port}/0"


@pytest.fixture
def as_user(address):
    made = []

    def make(user):
        made.append(redis.Redis.from_url(url_of(user, address)))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def admin(as_user):
    client = as_user("admin")
    client.flushall()
    client.acl_log_reset()
    return client


@pytest.fixture
def crm(address):
    """A stock Celery application of the producer's."""
    url = url_of("producer", address)
    app = Celery("crm", broker=url, backend=url, set_as_current=False)
    yield app
    release(app)
    app.close()


def test_the_page_names_these_users():
    assert [line.split()[1] for line in USERS] == ["default", "producer", "worker", "flower"]
    assert all("-@dangerous" in line for line in USERS[1:])


@pytest.mark.parametrize("queue", ["celery", "inference", "ingest", "batch", "training"])
def test_a_producer_sends_and_waits_for_its_answer(admin, as_user, crm, queue):
    sent = crm.send_task("hearth.system.ping", kwargs={"tenant_id": "acme"}, queue=queue)
    crm.send_task("hearth.system.ping", kwargs={"tenant_id": "acme"}, queue=queue, priority=9)
    assert (admin.llen(queue), admin.llen(f"{queue}\x06\x169")) == (1, 1)
    told = json.dumps({"status": "SUCCESS", "result": {"n": 1}, "traceback": None, "children": [], "task_id": sent.id})

    def answer():
        worker = as_user("worker")
        worker.set(ANSWER + sent.id, told, ex=60)
        worker.publish(ANSWER + sent.id, told)

    later = threading.Timer(0.2, answer)
    later.start()
    try:
        assert sent.get(timeout=20) == {"n": 1}
    finally:
        later.join()
    assert crm.AsyncResult(sent.id).get(timeout=5) == {"n": 1}
    assert admin.acl_log() == [], "a stock client asked for nothing that it may not have"


REFUSED = [
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("CLIENT", "LIST"),
    ("CLIENT", "PAUSE", "10"),
    ("CLIENT", "NO-EVICT", "ON"),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("INFO",),
    ("MONITOR",),
    ("SHUTDOWN",),
    ("ACL", "LIST"),
    ("SAVE",),
    ("EVAL", "return 1", "0"),
    ("PUBSUB", "CHANNELS"),
    ("PSUBSCRIBE", f"{ANSWER}*"),
    ("SUBSCRIBE", "/0.celery.pidbox"),
    ("PUBLISH", f"{ANSWER}1", "x"),
    ("PUBLISH", "/0.celery.pidbox", "x"),
    ("SETEX", f"{ANSWER}1", "60", "x"),
    ("SET", f"{ANSWER}1", "x"),
    ("DEL", f"{ANSWER}1"),
    ("EXPIRE", f"{ANSWER}1", "1"),
    ("LPUSH", f"{ANSWER}1", "x"),
    ("LPUSH", "unacked", "x"),
    ("LPUSH", "unacked_index", "x"),
    ("LPUSH", "hearth.relay.epoch", "x"),
    ("LPUSH", "celeryev", "x"),
    ("LPUSH", "crm", "x"),
    ("HGETALL", "unacked"),
    ("GET", "unacked"),
    ("GET", "hearth.relay.epoch"),
    ("GET", "inference"),
    ("LRANGE", "inference", "0", "-1"),
    ("LINDEX", "inference", "0"),
    ("RPOP", "inference"),
    ("BRPOP", "inference", "1"),
    ("LREM", "inference", "0", "x"),
    ("DEL", "inference"),
    ("RENAME", "inference", "ingest"),
    ("DEL", "_kombu.binding.inference"),
    ("SREM", "_kombu.binding.inference", "x"),
]


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_a_producer_may_do_nothing_else(admin, as_user, words):
    with pytest.raises(redis.exceptions.NoPermissionError):
        as_user("producer").execute_command(*words)


@pytest.mark.parametrize(
    "words",
    [("CONFIG", "GET", "*"), ("FLUSHALL",), ("KEYS", "*"), ("CLIENT", "KILL", "TYPE", "normal"), ("ACL", "LIST")],
)
@pytest.mark.parametrize("user", ["worker", "flower"])
def test_nobody_administers(admin, as_user, user, words):
    with pytest.raises(redis.exceptions.NoPermissionError):
        as_user(user).execute_command(*words)


def test_a_worker_takes_acknowledges_and_mends(admin, address, crm):
    admin.set("unacked", "by hand")
    url = url_of("worker", address)
    crm.send_task("hearth.system.ping", kwargs={"tenant_id": "acme"}, queue="inference")
    with consuming(url, "inference") as door:
        door.take()
        door.go_on()
        (message,) = door.take()
        message.ack()
        assert (admin.llen("inference"), admin.hlen("unacked")) == (0, 0)
    assert [key.rpartition(".")[2] for key in internal_keys.moved_aside(admin)] == ["unacked"]
    assert admin.acl_log() == []


def test_a_worker_may_see_every_key_that_it_looks_after(admin, as_user):
    kinds = internal_keys.expected(["celery", "inference", "ingest", "batch", "learning", "training", "media"])
    for key in kinds:
        admin.execute_command("PFADD", key, uuid4().hex) if kinds[key] != "string" else admin.lpush(key, "x")
    assert set(internal_keys.mend(as_user("worker"), kinds)) == set(kinds)
