"""Ids, JSON, URLs, and tables that keep their tenant in front."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

import db.models  # noqa: F401
from db.base import Base, from_json, new_id, to_json
from db.engine import make_engine, normal_url
from db.errors import InvalidDatabaseUrl, UnstorableValue


def test_ids_are_unique_and_sort_by_time():
    ids = [new_id() for _ in range(2_000)]
    assert len(set(ids)) == len(ids)
    # the time is in the first 60 bits, down to a quarter of a microsecond
    assert [i[:18] for i in ids] == sorted(i[:18] for i in ids)
    assert {len(i) for i in ids} == {36}


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        {"a": [float("-inf")]},
        {"a": object()},
        {1, 2},
        {"a": datetime(2025, 1, 1, tzinfo=UTC)},
    ],
)
def test_json_takes_finite_plain_values_only(value):
    with pytest.raises(UnstorableValue):
        to_json(value)
    with pytest.raises(UnstorableValue):
        to_json([None, value])


def test_json_reads_back_as_it_was():
    value = {
        "none": None,
        "text": "null \u00e9\n",
        "figures": [0.1, 1e300, 5e-324, -0.0, 2**80, True],
        "deep": {"a": [{}]},
    }
    assert json.loads(to_json(value)) == value
    assert repr(from_json(to_json(value))) == repr(value)
    assert repr(from_json(to_json(value).encode())) == repr(value)
    assert json.loads(to_json({1: 2})) == {"1": 2}


#: a request names a key and no tenant
UNIQUE_AMONG_ALL = {("api_keys", "key_id")}


@pytest.mark.parametrize("table", Base.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_is_keyed_by_tenant(table):
    assert next(iter(table.primary_key.columns)).name == "tenant_id"
    for constraint in table.constraints:
        if type(constraint).__name__ == "UniqueConstraint":
            first = next(iter(constraint.columns)).name
            assert first == "tenant_id" or (table.name, first) in UNIQUE_AMONG_ALL
    for index in table.indexes:
        if index.unique:
            assert next(iter(index.columns)).name == "tenant_id"


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://host/db", "sqlite:///"])
def test_other_urls_are_refused(url):
    with pytest.raises(InvalidDatabaseUrl) as refusal:
        normal_url(url)
    assert "host" not in str(refusal.value)


@pytest.mark.parametrize("url", ["postgresql://h/d", "postgresql+psycopg://h/d", "postgres://h/d"])
def test_postgresql_gets_its_driver(url):
    assert normal_url(url).drivername == "postgresql+psycopg"


def test_engines_hide_parameters(tmp_path):
    assert make_engine(normal_url(f"sqlite:///{tmp_path}/x.db")).hide_parameters is True


@pytest.mark.slow
def test_the_layer_imports_no_migrations_and_no_alembic():
    # alembic takes 0.4 s to import: workers never do
    repositories = "db.repositories.leads.leads, db.repositories.models.models"
    code = f"import sys, db.session, {repositories}; print('alembic' in sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert shown.stdout.strip() == "False"
