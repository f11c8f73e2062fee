"""The settings: one reader of the environment, silent about secrets."""

import json
import os
import stat

import pytest
from pydantic import SecretStr, ValidationError

from workers.base import atomic_files
from workers.base.settings import DEFAULT_BROKER, Settings

VARIABLES = ("HEARTH_HOME", "HEARTH_KEYS", "HEARTH_FLOWER_AUTH", "HEARTH_LOG_LEVEL", "REDIS_URL", "DATABASE_URL")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_everything_lies_under_the_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chosen = Settings()
    assert chosen.home == tmp_path / ".hearth"
    assert chosen.database_url.get_secret_value() == f"sqlite:///{tmp_path}/.hearth/hearth.db"
    assert chosen.broker().get_secret_value() == DEFAULT_BROKER


def test_the_environment_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTH_HOME", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere/1")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@host/db?sslmode=require")
    chosen = Settings()
    assert chosen.broker().get_secret_value() == "redis://elsewhere/1"
    assert chosen.database_url.get_secret_value() == "postgresql+psycopg://u:p@host/db?sslmode=require"


@pytest.mark.parametrize("url", ["sqlite:///x.db", "postgresql+psycopg://h/d"])
def test_other_database_urls_stay(tmp_path, url):
    assert Settings(home=tmp_path, database_url=SecretStr(url)).database_url.get_secret_value() == url


def test_a_blank_broker_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "")
    assert Settings(home=tmp_path).redis_url is None


def test_secrets_are_not_shown(tmp_path, monkeypatch):
    for name in ("HEARTH_KEYS", "HEARTH_FLOWER_AUTH", "REDIS_URL", "DATABASE_URL"):
        monkeypatch.setenv(name, "redis://u:hunter2@h")
    chosen = Settings(home=tmp_path)
    assert "hunter2" not in f"{chosen!r} {chosen} {chosen.model_dump_json()}"


def test_settings_are_frozen_and_checked(tmp_path):
    with pytest.raises(ValidationError):
        Settings(home=tmp_path).log_level = "DEBUG"
    with pytest.raises(ValidationError):
        Settings(home=tmp_path, log_level="LOUD")


def test_a_running_cluster_tells_its_broker(tmp_path):
    chosen = Settings(home=tmp_path)
    atomic_files.replace(chosen.cluster_file, json.dumps({"pid": os.getpid(), "redis_url": "redis://127.0.0.1:7/0"}))
    assert chosen.broker().get_secret_value() == "redis://127.0.0.1:7/0"
    assert stat.S_IMODE(chosen.cluster_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "no json", "{}", "[1]", '{"pid": 2147483000, "redis_url": "redis://gone"}'])
def test_the_file_of_a_dead_cluster_is_ignored(tmp_path, text):
    chosen = Settings(home=tmp_path)
    atomic_files.replace(chosen.cluster_file, text)
    assert chosen.broker().get_secret_value() == DEFAULT_BROKER
