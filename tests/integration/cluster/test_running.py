"""A running cluster, from outside: what answers, what it loads, and what it tells to nobody."""

import json
import socket
import stat
import sys
import threading
import urllib.error
import urllib.request
from base64 import b64encode

import psutil
import pytest

from tests.support.processes import of_home, settings_of, until
from workers.app import app
from workers.base.errors import ClusterRunning
from workers.cluster.embedded import attach, connected, start
from workers.cluster.supervisor import session_members

pytestmark = pytest.mark.cluster("cluster")

SECRET = "ann.secret@example.com +13055550199"


@pytest.fixture
def send(cluster):
    """Sends a task to the shared cluster, whatever cluster the app was joined to meanwhile."""
    assert attach(cluster.settings)

    def task(name, queue="inference", **kwargs):
        return app.send_task(name, kwargs=kwargs, queue=queue)

    return task


@pytest.mark.parametrize("queue", ["celery", "inference", "ingest", "batch", "learning", "training", "media"])
def test_every_queue_is_served(send, queue):
    assert send("toys.echo", queue, a=1).get(timeout=10) == {"a": 1}


def test_every_process_has_its_own_session(cluster):
    every = {"broker", "interactive", "background", "learning", "relay", "outbound", "beat", "flower"}
    until(lambda: set(cluster.pids()) == every)
    assert all(pid in session_members(pid) for pid in cluster.pids().values())


def test_the_cluster_file_is_its_owners_only(cluster):
    path = cluster.settings.cluster_file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()).keys() >= {"pid", "redis_url", "workers", "flower_url", "flower_user"}


def test_metrics_tell_of_broker_and_database(cluster):
    figures = until(lambda: scraped(cluster.facts["metrics_url"]))
    assert 'hearth_up{part="broker"} 1.0' in figures
    assert 'hearth_up{part="database"} 1.0' in figures
    assert 'hearth_queue_depth{queue="inference"}' in figures
    assert "hearth_broken_keys" in figures
    assert {"hearth_outbox_lag_seconds", "hearth_quarantine_held", "hearth_outbound_dead"} <= set(figures.split())


def scraped(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()
    except OSError:
        return None


def test_metrics_tell_of_tasks_and_processes(cluster, send):
    for name in ("toys.echo", "toys.refuse"):
        send(name).get(timeout=10, propagate=False)
    ours = ("interactive", "background", "learning", "relay", "outbound")
    wanted = {
        'hearth_tasks_total{result="succeeded",task="toys.echo"}',
        'hearth_task_duration_seconds_sum{task="toys.echo"}',
        'hearth_tasks_total{result="refused",task="toys.refuse"}',
        *(f'hearth_process_starts_total{{process="{name}@{socket.gethostname()}"}}' for name in ours),
    }

    def figures():
        told = (line.rpartition(" ") for line in (scraped(cluster.facts["metrics_url"]) or "").splitlines())
        return {name: float(value) for name, _, value in told if name in wanted}

    # a process reports every ten seconds
    until(lambda: figures().keys() == wanted, patience=60)
    address = cluster.facts["metrics_url"].removesuffix("/metrics")
    assert json.loads(scraped(f"{address}/healthz")) == {"ok": True, "broker": True, "database": True}
    assert scraped(f"{address}/health") is None


def test_it_runs_once(cluster):
    with pytest.raises(ClusterRunning):
        start(cluster.settings)
    assert attach(cluster.settings).facts == cluster.facts


def test_a_command_uses_the_running_cluster(cluster):
    with connected(cluster.settings) as connection:
        assert not connection.private
        assert app.send_task("toys.echo", kwargs={"b": 2}).get(timeout=10) == {"b": 2}
    assert of_home(cluster.settings.home)


def test_secrets_are_on_no_command_line(cluster):
    facts = cluster.facts
    secrets = [facts["redis_url"].split(":")[2].split("@")[0], facts["flower_password"]]
    lines = [" ".join(process.cmdline()) for process in of_home(cluster.settings.home)]
    assert lines
    assert not [line for line in lines if any(secret in line for secret in secrets)]
    logs = "".join(path.read_text() for path in (cluster.settings.home / "logs").iterdir())
    assert not [secret for secret in secrets if secret in logs]
    assert not [secret for secret in secrets if secret in repr(cluster)]


@pytest.mark.skipif(sys.platform != "linux", reason="memory maps are read from /proc")
@pytest.mark.parametrize("name", ["beat", "flower"])
def test_beat_and_flower_load_no_models(cluster, name):
    maps = {entry.path for entry in psutil.Process(cluster.pids()[name]).memory_maps()}
    assert not [path for path in maps if any(word in path for word in ("sklearn", "numpy", "scipy", "sqlalchemy"))]


def flower(cluster, path, *, auth=True):
    request = urllib.request.Request(cluster.flower_url + path)
    if auth:
        word = b64encode(f"{cluster.facts['flower_user']}:{cluster.facts['flower_password']}".encode()).decode()
        request.add_header("Authorization", f"Basic {word}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize("path", ["/", "/tasks", "/api/workers", "/api/tasks", "/api/task/types", "/broker"])
def test_flower_asks_who_is_there(cluster, path):
    assert flower(cluster, path, auth=False)[0] == 401
    assert flower(cluster, path)[0] == 200


def test_flower_only_reads(cluster):
    request = urllib.request.Request(cluster.flower_url + "/api/worker/shutdown/x", method="POST", data=b"")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    with refused.value as answer:
        assert answer.code in (401, 403)


class Listener(threading.Thread):
    """Keeps every event of tasks and workers until it is closed."""

    def __init__(self):
        super().__init__(daemon=True)
        self.events, self._receiver = [], None

    def run(self):
        with app.connection_for_read() as connection:
            self._receiver = app.events.Receiver(connection, handlers={"*": self.events.append})
            self._receiver.capture(limit=None, timeout=15)

    def kinds(self):
        return {event["type"] for event in self.events}

    def close(self):
        self._receiver.should_stop = True
        self.join(15)


def run_with_secret(send):
    """Tasks that succeed, fail, retry and are unknown, each with the secret in its arguments."""
    sent = [send(f"toys.{name}", tenant_id="LOC1", note=SECRET) for name in ("echo", "fail", "again")]
    positional = app.send_task("toys.echo", args=[SECRET], queue="inference", argsrepr=SECRET, kwargsrepr=SECRET)
    app.send_task("toys.unknown", kwargs={"note": SECRET}, queue="inference")
    for result in (*sent, positional):
        result.get(timeout=10, propagate=False)
    return [result.id for result in (*sent, positional)]


def test_a_secret_is_in_no_event_log_or_flower_page(cluster, send):
    listener = Listener()
    listener.start()
    # a worker's heartbeat, every two seconds, shows that we hear
    until(listener.kinds)
    ids = run_with_secret(send)
    wanted = {"task-received", "task-started", "task-succeeded", "task-failed", "task-retried"}
    until(lambda: wanted <= listener.kinds() and set(ids) <= {event.get("uuid") for event in listener.events})
    listener.close()
    assert SECRET not in str(listener.events)
    until(lambda: all(flower(cluster, f"/api/task/info/{task_id}")[0] == 200 for task_id in ids))
    paths = ["/api/tasks", "/tasks", "/api/workers?refresh=1", *(f"/task/{task_id}" for task_id in ids)]
    paths += [f"/api/task/{kind}/{task_id}" for task_id in ids for kind in ("info", "result")]
    pages = [flower(cluster, path) for path in paths]
    assert sum(status == 200 for status, _ in pages) >= 3 + 2 * len(ids)
    assert not [page for _, page in pages if SECRET in page or "ann.secret" in page]
    logs = {path.name: path.read_text() for path in (cluster.settings.home / "logs").iterdir()}
    assert "toys.unknown" in logs["interactive.log"]
    assert not [name for name, text in logs.items() if SECRET in text or "ann.secret" in text]


def test_flower_tells_refusals_from_failures_and_hides_upkeep_that_goes_well(cluster, send):
    refused, failed = send("toys.refuse", note=SECRET), send("toys.fail", note=SECRET)
    well, badly = send("toys.upkeep", fails=""), send("toys.upkeep", fails=SECRET)
    for result in (refused, failed, well, badly):
        result.get(timeout=10, propagate=False)
    # who asks for the answer gets what the contract says
    assert refused.state == failed.state == "FAILURE"

    def shown():
        tasks = json.loads(flower(cluster, "/api/tasks")[1])
        told = {one.id: tasks[one.id] for one in (refused, failed, well, badly) if one.id in tasks}
        return {key: (one["name"], one["state"], one["exception"]) for key, one in told.items() if one["exception"]}

    until(lambda: len(shown()) == 3)
    assert shown() == {
        refused.id: ("toys.refuse", "REFUSED", "InvalidPayload: unknown_lead"),
        failed.id: ("toys.fail", "FAILURE", "ValueError"),
        badly.id: ("toys.upkeep", "FAILURE", "ValueError"),
    }
    assert well.id not in json.loads(flower(cluster, "/api/tasks")[1])
    assert "Exception" in flower(cluster, "/tasks")[1]


def test_log_lines_are_json_and_name_task_tenant_and_queue(cluster, send):
    task_id = send("toys.echo", tenant_id="LOC7").id
    log = cluster.settings.home / "logs" / "interactive.log"

    def succeeded():
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("task_id") == task_id and "succeeded" in line["event"]]

    (line,) = until(succeeded)
    assert (line["task"], line["tenant"], line["queue"]) == ("toys.echo", "LOC7", "inference")
    assert not [text for text in log.read_text().splitlines() if text and text[0] != "{"]


def test_a_fallen_child_is_replaced_and_its_task_not_lost(cluster, send):
    # redelivered and killed again until it expires: the worker itself lives on
    app.send_task("toys.fall", queue="batch", expires=1)
    assert send("toys.echo", "batch", a=1).get(timeout=20) == {"a": 1}


def test_a_second_cluster_does_not_disturb_the_first(cluster, tmp_path):
    assert attach(settings_of(tmp_path)) is None
