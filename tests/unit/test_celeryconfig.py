"""The wiring: every setting, queue, route and schedule entry refers to something real."""

import re
from pathlib import Path

import pytest
from celery.app import defaults

import celeryconfig
from workers.app import app
from workers.cluster.topology import worker_specs

#: Celery reads these without listing them among its defaults
UNLISTED = {"visibility_timeout", "redis_backend_health_check_interval"}
QUEUES = {"celery", "inference", "ingest", "batch", "learning", "training", "media"}
ROUTES = {
    "inference": [
        *("system.ping", "tenants.configure", "tenants.readiness", "leads.score", "leads.worklist", "leads.card"),
        *("leads.snapshot", "leads.score_snapshots", "leads.urgency"),
        *("churn.predict", "churn.assess", "churn.sweep"),
        *("interventions.plan", "interventions.dispatch", "interventions.review", "interventions.report"),
        *("pipelines.assess", "pipelines.finish", "pipelines.sweep", "jobs.status"),
    ],
    "ingest": ["leads.upsert", "outcomes.record"],
    "batch": ["backfill.csv", "backfill.chunk", "backfill.finish", "churn.check", "interventions.plan_due"],
    "training": ["models.train"],
}
PROCFILE = Path(celeryconfig.__file__).with_name("Procfile").read_text()


def names():
    return {name for name in vars(celeryconfig) if name[0].islower() and not callable(getattr(celeryconfig, name))}


def test_every_setting_exists():
    assert names() - set(defaults.DEFAULTS) == UNLISTED
    assert names() <= set(app.conf.keys()) | UNLISTED


@pytest.mark.parametrize("name", sorted(UNLISTED))
def test_unlisted_settings_reach_celery(name):
    assert app.conf.get(name) == getattr(celeryconfig, name)


@pytest.mark.parametrize(("queue", "task"), [(q, t) for q, tasks in ROUTES.items() for t in tasks])
def test_every_task_has_its_queue(queue, task):
    assert app.amqp.router.route({}, f"hearth.{task}")["queue"].name == queue


def test_an_unknown_task_goes_where_foreign_producers_send():
    assert app.amqp.router.route({}, "someone.elses")["queue"].name == "celery"


def test_every_queue_has_its_own_exchange_and_key():
    assert {(q.name, q.exchange.name, q.routing_key) for q in celeryconfig.task_queues} == {(n, n, n) for n in QUEUES}


@pytest.mark.parametrize("cores", [1, 2, 4, 5, 16])
def test_some_worker_consumes_each_queue(cores):
    consumed = [queue for plan in worker_specs(cores=cores) for queue in plan.queues]
    assert sorted(consumed) == sorted(QUEUES)


def test_the_procfile_consumes_each_queue_once():
    consumed = [queue for queues in re.findall(r"--queues (\S+)", PROCFILE) for queue in queues.split(",")]
    assert sorted(consumed) == sorted(QUEUES)
    assert {line.split(":")[0] for line in PROCFILE.splitlines() if line[0] != "#"} >= {"beat", "flower", "inference"}


@pytest.mark.parametrize("entry", celeryconfig.beat_schedule.values(), ids=celeryconfig.beat_schedule)
def test_schedule_entries_expire_before_their_next_tick(entry):
    assert entry["schedule"] - 5 <= entry["options"]["expires"] < entry["schedule"]
    assert app.amqp.router.route({}, entry["task"])["queue"].name != "celery"


def test_the_visibility_timeout_is_above_every_time_limit_in_all_three_places():
    places = (
        celeryconfig.visibility_timeout,
        celeryconfig.broker_transport_options["visibility_timeout"],
        celeryconfig.result_backend_transport_options["visibility_timeout"],
    )
    assert set(places) == {900}
    assert celeryconfig.task_soft_time_limit < celeryconfig.task_time_limit < 900


def test_json_only():
    assert celeryconfig.accept_content == celeryconfig.result_accept_content == ["json"]
    assert celeryconfig.task_serializer == celeryconfig.result_serializer == app.conf.event_serializer == "json"


def test_every_task_hides_its_values():
    assert {app.tasks[name].Request for name in app.tasks} == {"workers.worker.poison_request:GuardedRequest"}


def test_upkeep_sends_no_events():
    upkeep = {"hearth.system.canary", *(entry["task"] for entry in app.conf.beat_schedule.values())}
    assert all(app.conf.task_annotations[task] == {"send_events": False} for task in upkeep)
