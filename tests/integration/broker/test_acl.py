"""The broker's users of deploy/redis/users.acl on a real broker: what each of them needs works, and nothing else."""

import hashlib
import json
import signal
import subprocess
import threading
from uuid import uuid4

import pytest
import redis
from celery import Celery
from pydantic import SecretStr

from tests.support.commands import HEARTH, ROOT, environment
from tests.support.transport import consuming
from workers.base import internal_keys
from workers.base.errors import BrokerForbids
from workers.cluster import broker as brokers
from workers.cluster.addresses import free_port
from workers.cluster.result_cleanup import release
from workers.cluster.supervisor import ProcessSpec, Supervisor

USERS = (ROOT / "deploy" / "redis" / "users.acl").read_text(encoding="utf-8").splitlines()
#: what celery-php gets besides, by deploy/redis/password.sh
PHP = "(%W~celery-task-meta-* -@all +del) (~celery-task-meta-* -@all +exists)"
ANSWER = "celery-task-meta-"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where a broker with these users is, and a user `php` as celery-php needs it."""
    home, port = tmp_path_factory.mktemp("broker"), free_port()
    digest = hashlib.sha256(b"secret").hexdigest()
    php = f"{USERS[-1].replace('user producer', 'user php')} {PHP}"
    lines = [line.replace("<sha256>", digest) for line in [*USERS, php]]
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


def unforeseen(admin):
    """The denied requests that nobody foresaw: a client's own name and version, which Redis 7.0 does not know."""
    return [entry for entry in admin.acl_log() if entry["object"] != "client|setinfo"]


def test_the_file_holds_these_users_and_nothing_else():
    assert [line.split()[:2] for line in USERS] == [
        ["user", name] for name in ("default", "admin", "worker", "flower", "producer")
    ]
    assert all("-@dangerous" in line for line in USERS[2:])
    assert PHP in (ROOT / "deploy" / "redis" / "password.sh").read_text()


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
    assert unforeseen(admin) == [], "a stock client asked for nothing that it may not have"


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


def test_a_producer_sees_that_the_broker_is_ready_as_node_asks(as_user):
    assert as_user("producer").info("persistence")["loading"] == 0


def test_celery_php_deletes_the_answers_that_it_has_read(admin, as_user):
    admin.set(ANSWER + "1", "x")
    php = as_user("php")
    assert php.exists(ANSWER + "1")
    assert php.get(ANSWER + "1") == b"x"
    assert php.delete(ANSWER + "1") == 1
    for words in (("DEL", "inference"), ("EXISTS", "unacked"), ("SET", ANSWER + "1", "x")):
        with pytest.raises(redis.exceptions.NoPermissionError):
            php.execute_command(*words)


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
    assert unforeseen(admin) == []


def test_a_worker_may_see_every_key_that_it_looks_after(admin, as_user):
    kinds = internal_keys.expected(["celery", "inference", "ingest", "batch", "learning", "training", "media"])
    for key in kinds:
        admin.execute_command("PFADD", key, uuid4().hex) if kinds[key] != "string" else admin.lpush(key, "x")
    assert set(internal_keys.mend(as_user("worker"), kinds)) == set(kinds)


def test_a_cluster_asks_for_the_rights_of_a_worker(address):
    brokers.check_rights(SecretStr(url_of("worker", address)))
    with pytest.raises(BrokerForbids):
        brokers.check_rights(SecretStr(url_of("producer", address)))


@pytest.mark.parametrize("command", ["up", "status"])
def test_a_producers_address_is_refused_in_one_line(address, tmp_path, command):
    env = environment(tmp_path / "home", REDIS_URL=url_of("producer", address))
    told = subprocess.run(
        [*HEARTH, command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert told.returncode == 1
    assert told.stderr.splitlines()[-1].startswith("Error: the user of REDIS_URL may not ")
    assert "Traceback" not in told.stderr
    assert "secret" not in told.stderr
