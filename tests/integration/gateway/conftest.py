"""A gateway in this process over a real broker and a real database, with two tenants and their keys."""

import gc
import warnings
from types import SimpleNamespace

import pytest
import redis

from tests.support import gateway as support
from workers.app import app
from workers.base.settings import Settings
from workers.cluster.result_cleanup import release

EVERYTHING = ("read", "write", "settings", "privacy")


@pytest.fixture
def emptied_broker(live_broker):
    with redis.Redis.from_url(live_broker) as client:
        client.flushall()
    return live_broker


@pytest.fixture
def gateway(sqlite_database, emptied_broker, test_keyring, tmp_path):
    with support.running(Settings(home=tmp_path, log_level="ERROR"), test_keyring) as running:
        yield running
    _let_go()


@pytest.fixture
def gateway_on_any(database, emptied_broker, test_keyring, tmp_path):
    """As `gateway`, on both databases."""
    with support.running(Settings(home=tmp_path, log_level="ERROR"), test_keyring) as running:
        yield running
    _let_go()


def _let_go():
    release(app)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Celery drops its connections as they are
        gc.collect()


def _keys():
    for tenant_id in ("acme", "other"):
        support.make_tenant(tenant_id)
    return SimpleNamespace(
        acme=support.make_key("acme", EVERYTHING).secret,
        reading=support.make_key("acme", ("read",)).secret,
        writing=support.make_key("acme", ("write",)).secret,
        slow=support.make_key("acme", EVERYTHING, rate=1.0).secret,
        other=support.make_key("other", EVERYTHING).secret,
        signing=support.make_key("acme", EVERYTHING, kind="signing"),
        other_signing=support.make_key("other", EVERYTHING, kind="signing"),
    )


@pytest.fixture
def keys(gateway):
    return _keys()


@pytest.fixture
def keys_on_any(gateway_on_any):
    return _keys()
