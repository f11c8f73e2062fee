"""Flower never runs open."""

import os
import subprocess
import sys

import pytest
from flower.events import EventsState
from flower.options import options
from pydantic import SecretStr

from workers.base.errors import FlowerUnprotected
from workers.base.settings import Settings
from workers.cluster.flower import GONE, MAX_TASKS, MAX_WORKERS, environment


@pytest.mark.parametrize("auth", [None, "", "user", "user:", ":password", "a:b,c:d"])
def test_without_a_user_and_a_password_it_is_refused(tmp_path, auth):
    with pytest.raises(FlowerUnprotected, match="HEARTH_FLOWER_AUTH=user:password"):
        environment(Settings(home=tmp_path, flower_auth=SecretStr(auth) if auth is not None else None))


def test_it_is_told_to_be_careful(tmp_path):
    told = environment(Settings(home=tmp_path, flower_auth=SecretStr("u:p")))
    assert told["FLOWER_ADDRESS"] == "127.0.0.1"
    assert told["FLOWER_READ_ONLY"] == "True"
    assert told["CELERY_RESULT_BACKEND"] == "disabled://"


def test_its_memory_is_bounded(tmp_path):
    """It is told bounds by names that Flower itself knows, and its memory keeps to them."""
    told = environment(Settings(home=tmp_path, flower_auth=SecretStr("u:p")))
    for name, value in {"max_tasks": MAX_TASKS, "max_workers": MAX_WORKERS, "purge_offline_workers": GONE}.items():
        assert name in options
        assert told[f"FLOWER_{name.upper()}"] == str(value)
    state = EventsState(max_tasks_in_memory=MAX_TASKS, max_workers_in_memory=MAX_WORKERS)
    for number in range(MAX_TASKS + 100):
        told = {"uuid": str(number), "clock": number, "timestamp": number, "local_received": number, "name": "t"}
        state.event({"type": "task-received", "hostname": f"w@{number % (MAX_WORKERS + 9)}", "pid": 1, **told})
    assert len(state.tasks) == MAX_TASKS
    assert len(state.workers) == MAX_WORKERS


@pytest.mark.slow
def test_the_process_refuses_too(tmp_path):
    env = {k: v for k, v in os.environ.items() if k != "HEARTH_FLOWER_AUTH"} | {"HEARTH_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "workers.cluster.flower"]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 1
    assert "HEARTH_FLOWER_AUTH" in ran.stderr
