"""Which names of queues and tasks a tenant may choose, and what may name a key at all."""

import jsonschema
import pytest

import celeryconfig
from tasks.contracts.base.destinations import KOMBU_SEPARATORS, OWN_QUEUES, is_bookkeeping, queue_allowed, task_allowed
from tasks.contracts.base.request import parse
from tasks.contracts.tenants import ConfigureTenant
from tasks.errors import InvalidPayload
from workers.base.internal_keys import expected

FREE = ["crm", "crm-7", "crm.celery", "acme/told", "eu:crm", "my_hearth", "hearthstone", "A" * 128]
RESERVED = [
    *("unacked", "unacked_index", "unacked_mutex", "UNACKED", "Unacked_Index", "app:unacked", "appunacked"),
    *("_kombu.binding.crm", "_kombu.binding_permanent.inference", "_KOMBU.binding.x", "app_kombu.binding.x"),
    *("hearth", "hearth.fair.inference.aside", "hearth.relay.epoch", "Hearth.x", "app:hearth.x", "hearth:x"),
    *("celery", "celery-crm", "celeryev", "Celery", "celery-task-meta-1", "celery-taskset-meta-1", "app:celery"),
    *("celery@host.celery.pidbox", "crm.pidbox", "1.reply.celery.pidbox", "reply.celery.pidbox", "a.reply.b"),
    *("inference", "INGEST", "batch", "training", "learning", "media"),
]
STRANGE = [
    f"crm{KOMBU_SEPARATORS}3",
    "crm\x06",
    "",
    " ",
    "crm crm",
    "crm*",
    "crm?",
    "{crm}",
    "crm\n",
    "-crm",
    "A" * 129,
    "crüm",
]
OUR_TASKS = ["hearth.system.ping", "HEARTH.x", "hearth", "celery.chord", "celery", "Celery.group", "a:celery.chord"]


def setting(**changes):
    callback = {"kind": "celery", "task": "crm.told", "queue": "crm", **changes}
    return {"tenant_id": "t", "settings": {"callback": callback}}


@pytest.mark.parametrize("queue", FREE)
def test_a_queue_of_the_crms_own_is_taken(queue):
    assert queue_allowed(queue)
    assert not is_bookkeeping(queue)
    request, _ = parse(ConfigureTenant, setting(queue=queue))
    assert request.settings.callback.queue == queue


@pytest.mark.parametrize("queue", [*RESERVED, *STRANGE], ids=ascii)
def test_any_other_is_refused_by_its_place_and_without_its_name(queue):
    assert not queue_allowed(queue)
    if queue.strip() != "crm":
        with pytest.raises(InvalidPayload) as refused:
            parse(ConfigureTenant, setting(queue=queue))
        (error,) = refused.value.errors
        assert error["loc"] == "settings.callback.queue"
        assert not queue.strip() or queue.casefold() in ("celery", "hearth") or queue not in error["msg"]


@pytest.mark.parametrize("task", [*OUR_TASKS, *STRANGE], ids=ascii)
def test_no_task_of_ours_is_taken(task):
    assert not task_allowed(task)
    if task.strip() != "crm":
        with pytest.raises(InvalidPayload) as refused:
            parse(ConfigureTenant, setting(task=task))
        assert refused.value.errors[0]["loc"] == "settings.callback.task"


@pytest.mark.parametrize("task", ["crm.told", "celery_tasks.told", "hearthstone.told", "_own.told"])
def test_a_task_of_the_crms_own_is_taken(task):
    assert task_allowed(task)
    parse(ConfigureTenant, setting(task=task))


def test_the_queues_of_our_workers_are_those_that_are_configured():
    assert {queue.name for queue in celeryconfig.task_queues} == OWN_QUEUES


def test_every_internal_key_is_bookkeeping_or_a_queue_of_ours():
    for key in expected(OWN_QUEUES):
        assert key in OWN_QUEUES or is_bookkeeping(key), key
        assert not queue_allowed(key)


@pytest.mark.parametrize(
    "key", ["inference", "celery", "crm", "celery-crm", "9f-1.reply.celery.pidbox", None, 7, ["a"]]
)
def test_what_messages_may_lie_on_is_no_bookkeeping(key):
    assert not is_bookkeeping(key)


def test_the_published_schema_tells_the_pattern():
    schema = ConfigureTenant.model_json_schema()
    jsonschema.validate(setting(), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(setting(queue="crm crm"), schema)
