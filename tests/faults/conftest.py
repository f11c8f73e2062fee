"""A real cluster with real faults, and a client that knows nothing of Hearth but task names."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from celery import Celery

from benchmarks.faults.site import Site as StruckSite
from benchmarks.faults.suite import place
from db import session as sessions
from db.encryption import KeyRing
from tests.support.commands import ROOT, environment, living, wait_until

ENDED = ("finished", "failed", "cancelled")


@dataclass(frozen=True)
class Site:
    """A running cluster and how to reach it."""

    home: Path
    client: Celery

    def call(self, task: str, queue: str, **kwargs):
        return self.send(task, queue, **kwargs).get(timeout=40)

    def send(self, task: str, queue: str, **kwargs):
        task_id = kwargs.pop("task_id", None) or uuid4().hex
        return self.client.send_task(task, kwargs=kwargs, queue=queue, task_id=task_id)

    def tenant(self) -> str:
        tenant_id = f"t{uuid4().hex[:12]}"
        self.call("hearth.tenants.configure", "inference", tenant_id=tenant_id)
        return tenant_id

    def wait_for_job(self, tenant_id: str, job_id: str, seconds: float = 60):
        """The status of a job that has ended."""
        deadline = time.monotonic() + seconds
        while True:
            status = self.call("hearth.jobs.status", "inference", tenant_id=tenant_id, job_id=job_id)["data"]
            if status["state"] in ENDED:
                return status
            assert time.monotonic() < deadline, status
            time.sleep(0.2)


@pytest.fixture(scope="module")
def struck() -> Iterator[StruckSite]:
    """One cluster for all faults of a file: PostgreSQL, a broker with AOF, short leases, a small disk, proxies."""
    with place() as site:
        yield site


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "tests.support.faults.runner"]
    log = home / "runner.log"
    env = environment(home, HEARTH_IMPORT_DIRS=str(tmp_path_factory.getbasetemp()))
    with log.open("w") as out:
        runner = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out)
    try:
        assert wait_until(lambda: runner.poll() is not None or "ready" in log.read_text(), 90), log.read_text()
        assert runner.poll() is None, log.read_text()
        url = json.loads((home / "cluster.json").read_text())["redis_url"]
        sessions.configure(f"sqlite:///{home / 'hearth.db'}", KeyRing.parse((home / "keys").read_text()))
        with Celery("caller", broker=url, backend=url, set_as_current=False) as client:
            yield Site(home, client)
    finally:
        sessions.dispose()
        runner.terminate()
        runner.wait(60)
        assert not living(home)
