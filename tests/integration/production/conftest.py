"""A machine set up by docs/production.md, with a broker behind TLS and Hearth's processes started from their units."""

import shutil
import signal
import subprocess
from contextlib import ExitStack, contextmanager

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support import machine as machines
from tests.support.commands import wait_until
from tests.support.tls import forwarding
from workers.cluster import broker as brokers
from workers.cluster.addresses import free_port
from workers.cluster.supervisor import ProcessSpec, Supervisor

#: all queues in one worker, since the machine of a test is small
WORKER = "--queues inference,celery,ingest,batch,training,learning,media --concurrency 2 --prefetch-multiplier 4"


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    """The page up to its section `Settings`, as pasted; the broker runs when Redis is set up."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not on PATH")
    with ExitStack() as stack:
        machine = stack.enter_context(machines.made(tmp_path_factory.mktemp("machine")))
        for section in ("Passwords", "PostgreSQL", "Redis", "Settings"):
            machine.run(section)
        # systemd is not asked: the units are only copied
        machine.run("Units")
        stack.enter_context(_broker(machine, tmp_path_factory.mktemp("broker")))
        yield machine


@pytest.fixture(scope="session")
def url(machine):
    """The broker's address for a user, as the page's files write it."""

    def of(user, password=None):
        shown = password or machine.password(user)
        told = "ssl_cert_reqs=required&ssl_ca_certs=/etc/hearth/ca.crt"
        return machine.told(f"rediss://{user}:{shown}@redis.internal:6380/0?{told}")

    return of


@contextmanager
def _broker(machine, logs):
    """The page's Redis; where the program at hand speaks no TLS, without its TLS lines and behind a forwarder."""
    program, config, port = brokers.find(), machine.path("/etc/redis/redis.conf"), machine.ports["6380"]
    supervisor = Supervisor(logs=logs)
    with ExitStack() as stack:
        stack.callback(supervisor.stop)
        if not speaks_tls(program):
            inner, tls = free_port(), machine.path("/etc/redis/tls")
            lines = [line for line in config.read_text().splitlines() if not line.startswith("tls-")]
            config.write_text("\n".join(lines).replace("port 0", f"port {inner}"))
            stack.enter_context(forwarding(port, inner, certificate=tls / "server.crt", key=tls / "server.key"))
        argv = (program, str(config))
        supervisor.add(ProcessSpec(name="broker", argv=argv, orphan_signal=signal.SIGTERM, phase=1))
        assert wait_until(lambda: _answers(machine), 20), (logs / "broker.log").read_text()
        yield


def _answers(machine):
    ca = str(machine.path("/etc/hearth/ca.crt"))
    shown = {"username": "admin", "password": machine.password("admin"), "retry": Retry(NoBackoff(), 0)}
    with redis.Redis(host="localhost", port=machine.ports["6380"], ssl=True, ssl_ca_certs=ca, **shown) as client:
        try:
            return client.ping()
        except (redis.ConnectionError, redis.TimeoutError):
            return False


def speaks_tls(program):
    """Whether a broker's program was built with TLS: it then asks for the certificate that we do not give."""
    asked = subprocess.run([program, "--port", "0", "--tls-port", "1"], capture_output=True, text=True, check=False)
    return "Failed to configure TLS" in asked.stdout


@pytest.fixture(scope="session")
def processes(machine):
    """A worker, the relay and the gateway, started as their units say and stopped by the units' signals."""
    logs = machine.path("/var/log/hearth")
    logs.mkdir(parents=True)
    with ExitStack() as stack:
        for unit, more, signum in (
            ("hearth-worker@.service", {"WORKER_OPTIONS": WORKER}, signal.SIGQUIT),
            ("hearth-relay.service", {}, signal.SIGTERM),
            ("hearth-gateway.service", {}, signal.SIGTERM),
        ):
            command, env = machine.process(unit, "inference", **more)
            log = stack.enter_context((logs / f"{unit}.log").open("w"))
            process = subprocess.Popen(
                command, env=env, cwd=machine.path("/opt/hearth"), stdout=log, stderr=log, start_new_session=True
            )
            stack.callback(_end, process, signum)
        yield logs


def _end(process, signum):
    process.send_signal(signum)
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
