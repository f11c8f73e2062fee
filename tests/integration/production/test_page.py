"""docs/production.md as pasted: TLS, users and roles hold, callers in three languages get answers, backups return."""

import json
import os
import re
import shutil
import ssl
import subprocess
import urllib.request

import psycopg
import pytest
import redis
from celery import Celery
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support import machine as machines
from tests.support.commands import ROOT, wait_until
from workers.cluster.result_cleanup import release

pytestmark = [pytest.mark.slow, pytest.mark.cluster("production"), pytest.mark.timeout(300)]

CALLERS = ROOT / "examples" / "callers"
OFFLINE = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ENOTCACHED")


def cli_with_tls():
    program = shutil.which("redis-cli") or shutil.which("valkey-cli")
    told = program and subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    return bool(told) and "--tls" in told.stdout + told.stderr


CLI = pytest.mark.skipif(not cli_with_tls(), reason="no redis-cli or valkey-cli with TLS is on PATH")
NODE = pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="node and npm are not on PATH")


@pytest.fixture
def crm(machine, url, processes):
    """A stock Celery application with the address of the user `producer`."""
    app = Celery("crm", broker=url("producer"), backend=url("producer"), set_as_current=False)
    yield app
    release(app)
    app.close()


def connected(url=None, **more):
    """A connection that is not tried again."""
    once = {"retry": Retry(NoBackoff(), 0), **more}
    return redis.Redis.from_url(url, **once) if url else redis.Redis(host="localhost", **once)


def call(app, task, **kwargs):
    return app.send_task(f"hearth.{task}", kwargs=kwargs, queue="inference").get(timeout=120)["data"]


def pinged(app):
    return call(app, "system.ping", echo="hi")["echo"]


def test_python_calls_through_tls_as_a_producer(crm):
    assert pinged(crm) == "hi"


def test_the_broker_is_nobodys_without_tls_the_authority_and_a_password(machine, url):
    port, ca = machine.ports["6380"], str(machine.path("/etc/hearth/ca.crt"))
    with connected(port=port) as plain, pytest.raises(redis.ConnectionError):
        plain.ping()
    unverified = pytest.raises((redis.ConnectionError, ssl.SSLError), match="certificate verify failed")
    with connected(url("worker").partition("?")[0]) as strange, unverified:
        strange.ping()
    with connected(port=port, ssl=True, ssl_ca_certs=ca) as nobody, pytest.raises(redis.AuthenticationError):
        nobody.ping()
    for user in ("worker", "producer", "default"):
        with connected(url(user, "guess")) as guess, pytest.raises(redis.AuthenticationError):
            guess.ping()


def test_the_configuration_is_the_pages(machine, url):
    with connected(url("admin")) as admin:
        wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": ""}
        assert wanted.items() <= admin.config_get().items()
        assert admin.acl_users() == ["admin", "default", "flower", "producer", "worker"]


@pytest.mark.parametrize(
    "words",
    [("KEYS", "*"), ("GET", "unacked"), ("RPOP", "inference"), ("SET", "celery-task-meta-1", "x"), ("ACL", "LIST")],
)
def test_a_producer_may_not_do_what_the_page_denies_it(url, words):
    with connected(url("producer")) as producer, pytest.raises(redis.exceptions.NoPermissionError):
        producer.execute_command(*words)


def test_the_relay_serves_its_metrics(machine, processes):
    def figures():
        try:
            with urllib.request.urlopen(machine.told("http://127.0.0.1:9540/metrics"), timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    assert wait_until(lambda: 'hearth_up{part="broker"} 1.0' in figures(), 60)
    assert 'hearth_up{part="database"} 1.0' in figures()


def test_it_runs_as_the_page_asks(machine, crm):
    assert pinged(crm) == "hi"

    def well():
        try:
            return machine.shell("hearth status")
        except AssertionError:
            return ""  # on a busy machine a worker may not answer within a second

    assert wait_until(well, 60)
    printed = machine.run("Does it run?", without="bin/hearth status")
    assert '"ok": true' in printed.replace(":true", ": true")
    assert "hk_" in printed, "the key of the gateway"


@NODE
def test_node_calls_through_tls_as_a_producer(machine, url, processes, tmp_path):
    folder = shutil.copytree(CALLERS / "node", tmp_path / "node", ignore=shutil.ignore_patterns("node_modules"))
    npm = ["npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"]
    installed = subprocess.run(npm, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    if installed.returncode and OFFLINE.search(installed.stderr):
        pytest.skip("npm cannot reach its registry")
    assert installed.returncode == 0, installed.stderr
    address = f"{url('producer').partition('?')[0]}?allowUsernameInURI=true"
    env = {**os.environ, "REDIS_URL": address, "NODE_EXTRA_CA_CERTS": str(machine.path("/etc/hearth/ca.crt"))}
    called = subprocess.run(
        ["node", "client.js", "crm-node"], cwd=folder, env=env, capture_output=True, text=True, timeout=90, check=False
    )
    assert called.returncode == 0, called.stderr
    answer = json.loads(called.stdout)
    assert 0.01 <= answer["probability"] <= 0.99
    assert (answer["refused"]["code"], answer["echo"]) == ("unknown_lead", "node")


@CLI
def test_the_shell_calls_through_tls_as_a_producer(url, processes):
    command = [CALLERS / "redis-cli" / "call.sh", "inference", "hearth.system.ping", '{"echo": "shell"}']
    env = {**os.environ, "REDIS_URL": url("producer")}
    called = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert called.returncode == 0, called.stderr
    assert json.loads(called.stdout)["result"]["data"]["echo"] == "shell"
    strange = {**env, "REDIS_URL": url("producer").partition("?")[0]}
    refused = subprocess.run(command, env=strange, capture_output=True, text=True, timeout=60, check=False)
    assert (refused.returncode, "certificate verify failed" in refused.stderr) == (1, True)


@CLI
def test_another_producer_needs_no_restart_and_ends_alone(machine, url, crm):
    machine.run("Another producer")
    theirs = Celery("theirs", broker=url("crm-acme"), backend=url("crm-acme"), set_as_current=False)
    try:
        assert pinged(theirs) == "hi"
        # the worker's connections ended at ACL LOAD
        assert pinged(crm) == "hi"
        before = url("crm-acme")
        machine.run("Another producer")
        with connected(before) as old, pytest.raises(redis.AuthenticationError):
            old.ping()
        with connected(url("crm-acme")) as new:
            assert new.ping()
    finally:
        release(theirs)
        theirs.close()


def test_celery_php_gets_a_user_without_a_name(machine, tmp_path):
    users = tmp_path / "users.acl"
    shutil.copy(machine.path("/etc/redis/users.acl"), users)
    machine.shell(f"REDIS_ACL={users} deploy/redis/password.sh --php default")
    lines = {line.split()[1]: line.split(maxsplit=4)[4] for line in users.read_text().splitlines()}
    more = " (%W~celery-task-meta-* -@all +del) (~celery-task-meta-* -@all +exists)"
    assert lines["default"] == lines["producer"] + more


@pytest.fixture
def as_role(machine):
    return lambda role: psycopg.connect(host=str(machine.socket), user=role, dbname="hearth", autocommit=True)


def test_the_roles_may_do_their_part(machine, as_role, crm):
    call(crm, "tenants.configure", tenant_id="roles", settings={})
    with as_role("hearth_app") as app:
        assert app.execute("SELECT count(*) FROM audit").fetchone() == (0,), "who names no tenant reaches nothing"
        app.execute("SET hearth.tenant_id = 'roles'")
        assert app.execute("SELECT count(*) FROM audit").fetchone()[0] > 0
        for statement in (
            "UPDATE audit SET tenant_id = 'x'",
            "DELETE FROM audit",
            "TRUNCATE audit",
            "CREATE TABLE x (a int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(statement)
    with as_role("hearth_backup") as backup:
        assert backup.execute("SELECT count(*) FROM audit").fetchone()[0] > 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            backup.execute("DELETE FROM leads")
    with as_role("postgres") as admin:
        told = admin.execute(
            "SELECT count(*) FROM pg_authid WHERE rolname LIKE 'hearth%' AND rolpassword LIKE 'SCRAM%'"
        )
        assert told.fetchone() == (3,)


def test_a_backup_comes_back_on_a_new_machine_with_its_keys_alone(machine, crm, tmp_path):
    lead = {"external_id": "C-1", "email": "ada@example.com", "source_system": "crm"}
    call(crm, "tenants.configure", tenant_id="acme", settings={})
    call(crm, "leads.upsert", tenant_id="acme", leads=[lead])
    machine.run("Backups")
    with machines.made(tmp_path) as new:
        new.run("Passwords")
        new.run("PostgreSQL", without="migrate")
        new.run("Redis")
        new.run("Settings")
        shutil.copytree(machine.path("/var/backups/hearth"), new.path("/var/backups/hearth"))
        with pytest.raises(AssertionError, match="put the key ring back"):
            new.run("Restore")
        assert not new.path("/var/lib/hearth/keys").exists()
        shutil.copy2(machine.path("/var/lib/hearth/keys"), new.path("/var/lib/hearth/keys"))
        assert "whole" in new.shell("hearth audit verify")
        with psycopg.connect(host=str(new.socket), user="hearth_app", dbname="hearth") as app:
            app.execute("SET hearth.tenant_id = 'acme'")
            assert app.execute("SELECT count(*) FROM leads").fetchone() == (1,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute("DELETE FROM audit")
