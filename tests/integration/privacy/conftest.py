"""A tenant, somebody who is everywhere, and a look into every place where they might be."""

import base64
import gc
import json
import warnings
from contextlib import closing

import psycopg
import pytest
import redis
from pydantic import SecretStr

from db.base import Base
from db.records import EventDraft
from db.repositories.events import events
from db.repositories.jobs import quarantine
from db.repositories.privacy.erasure_stores import rejected_cells
from db.session import EVERY_TENANT, reading, transaction
from db.tenancy import MARK, SETTING
from tasks.leads.upsert import upsert
from tasks.tenants import configure
from tests.support.broker import running
from tests.support.privacy import CANARY, EXTERNAL, NEEDLES, NOW, TENANT, TEXT, written
from workers.app import app
from workers.cluster.embedded import join


@pytest.fixture(scope="module")
def broker_home(tmp_path_factory):
    """Where the broker keeps its append-only file."""
    return tmp_path_factory.mktemp("broker")


@pytest.fixture(scope="module")
def broker_url(broker_home):
    """The project's app talks to this broker."""
    before = app.conf.broker_url
    with running(broker_home) as url:
        join(SecretStr(url))
        yield url
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Celery drops its connections as they are
            gc.collect()  # results say good-bye to their broker while it is there
            join(SecretStr(before))
            gc.collect()


@pytest.fixture
def broker(broker_url):
    """An empty broker."""
    with redis.Redis.from_url(broker_url) as client:
        client.flushall()
    return broker_url


@pytest.fixture
def tenant(database, workspace_folder, broker):
    configure(tenant_id=TENANT)
    return TENANT


@pytest.fixture
def other(tenant):
    """Somebody else, who stays."""
    lead = {"external_id": "other-1", "email": "other@example.com", "last_name": "Other", "opt_in_call": True}
    return upsert(tenant_id=tenant, leads=[lead])["data"]["lead_ids"][0]


@pytest.fixture
def canary(tenant):
    """The lead that is everywhere, with a message."""
    key = f"key-of-{EXTERNAL}"
    lead_id = upsert(tenant_id=tenant, leads=[CANARY], idempotency_key=key)["data"]["lead_ids"][0]
    told = EventDraft(
        kind="reply",
        direction="inbound",
        occurred_at=NOW,
        recorded_at=NOW,
        text=TEXT,
        source_id=f"sms-{EXTERNAL}",
    )
    with transaction(EVERY_TENANT) as session:
        events.add(session, tenant, lead_id=lead_id, drafts=[told])
    return lead_id


@pytest.fixture
def places(database, tmp_path):
    """Finds the canary: gives the places that hold any of the needles, of the database, the files and sealed rows."""

    def look():
        found = [str(path) for path in tmp_path.rglob("*") if path.is_file() and _holds(path.read_bytes())]
        if database.startswith("postgresql"):
            everybody = f"-c {SETTING}={MARK}"
            with psycopg.connect(database.replace("+psycopg", ""), options=everybody) as connection:
                found += [table for table in Base.metadata.tables if _holds(_dump(connection, table))]
        with reading(EVERY_TENANT) as session:
            kept = list(rejected_cells(session, TENANT))
            rows = [
                quarantine.get(session, entry.tenant_id, quarantine_id=entry.quarantine_id)
                for state in ("held", "replayed", "dropped")
                for entry in quarantine.entries(session, state=state)
            ]
        found += ["sealed rejected_rows"] if _holds(str(kept).encode()) else []
        return found + (["sealed quarantine"] if _holds(str(rows).encode()) else [])

    return look


@pytest.fixture
def broker_keys(broker):
    """Finds the canary in the broker: the keys that hold any of the needles, bodies decoded."""

    def look():
        with closing(redis.Redis.from_url(broker)) as client:
            return [key.decode() for key in client.scan_iter() if _holds(key + b" " + _value(client, key))]

    return look


@pytest.fixture
def broker_files(broker, broker_home):
    """Finds the canary in the broker's append-only file, once it is written: the files that hold any of the needles."""
    with redis.Redis.from_url(broker) as client:
        client.config_set("rdbcompression", "no")  # so that what is there can be read

    def look():
        written(broker)
        folder = broker_home / "broker" / "appendonlydir"
        return [path.name for path in folder.iterdir() if _holds(path.read_bytes())]

    return look


def _holds(raw):
    lower = raw.lower()
    return any(needle in lower for needle in NEEDLES)


def _dump(connection, table):
    return b"\n".join(row[0].encode() for row in connection.execute(f'SELECT t::text FROM "{table}" t'))


def _value(client, key):
    kind = client.type(key)
    if kind == b"list":
        return b" ".join(map(_message, client.lrange(key, 0, -1)))
    if kind == b"hash":
        return b" ".join(_message(part) for pair in client.hgetall(key).items() for part in pair)
    if kind == b"zset":
        return b" ".join(client.zrange(key, 0, -1))
    if kind == b"set":
        return b" ".join(client.smembers(key))
    return client.get(key) or b""


def _message(raw):
    try:
        return raw + b" " + base64.b64decode(json.loads(raw)["body"])
    except (ValueError, KeyError, TypeError):
        return raw
