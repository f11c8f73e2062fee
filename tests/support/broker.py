"""A running broker, apps that talk to it, and a look into its queues."""

import json
from contextlib import contextmanager

import redis
from celery import Celery

from workers.base.settings import Settings
from workers.cluster import broker
from workers.cluster.result_cleanup import release
from workers.cluster.supervisor import Supervisor


@contextmanager
def running(home):
    """The URL of an embedded broker that lives as long as the block."""
    supervisor = Supervisor(logs=home / "logs")
    chosen = broker.prepare(Settings(home=home, redis_url=None, keys=None))
    try:
        supervisor.add(chosen.process)
        broker.wait_for(chosen.url, supervisor.check)
        yield chosen.url.get_secret_value()
    finally:
        supervisor.stop()


@contextmanager
def app_of(url):
    """An app with the project's settings that nobody else uses, on an empty broker."""
    app = Celery("test", set_as_current=False)
    app.config_from_object("celeryconfig")
    app.conf.update(broker_url=url, result_backend=url)
    with redis.Redis.from_url(url) as client:
        client.flushall()
    yield app
    release(app)
    app.close()


def queued(url, queue):
    """The messages of a queue, oldest first."""
    with redis.Redis.from_url(url) as client:
        return [json.loads(text) for text in reversed(client.lrange(queue, 0, -1))]


def ids(url, queue="inference"):
    return [message["headers"]["id"] for message in queued(url, queue)]
