"""Whatever a caller sends any task, it ends in an envelope or in a refusal that names a place and repeats nothing."""

from __future__ import annotations

import gc
import json
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import SecretStr

from benchmarks.attacks.fuzzing import CANARY, Payloads, spoilt
from db.repositories import audit
from db.session import EVERY_TENANT, reading
from tasks.contracts.answers import ANSWERS, faults
from tasks.contracts.base.wire import RESULT_LIMIT
from tasks.errors import InvalidPayload, TaskError, Unexpected
from tasks.runtime import registry
from tasks.runtime.files import workspace
from tests.support.broker import running
from workers.bootstrap import app
from workers.cluster.embedded import join

T = "fuzz"
GOLDEN = Path(__file__).parents[2] / "golden" / "highlevel"
NAMES = sorted(name for name in app.tasks if name.startswith("hearth."))
#: seeded calls of every task, by the kind of its database
ROUNDS = {"sqlite": 8, "postgresql": 2}
#: calls whose payload is left as the schema wants it, one in so many
GOOD = 4


@pytest.fixture(scope="module", autouse=True)
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The project's app talks to a broker of its own."""
    before = app.conf.broker_url
    with running(tmp_path_factory.mktemp("broker")) as url:
        join(SecretStr(url))
        yield
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Celery drops its connections as they are
            gc.collect()  # results say good-bye to their broker while it is there
            join(SecretStr(before))
            gc.collect()


#: an event in our own words
GENERIC = {
    "id": CANARY,
    "lead": {"external_id": "u1", "source_system": "site", "custom": {CANARY: 1}},
    "kind": "call",
    "at": "2026-01-02T03:04:05Z",
    "text": CANARY,
}


def highlevel() -> list[Any]:
    """The first event of each documented shape."""
    texts = [path.read_text().replace("LOC7kQ2mVx", T) for path in sorted(GOLDEN.glob("*.json"))]
    return [json.loads(text)["calls"][0]["events"][0] for text in texts]


def call(name: str, payload: dict[str, Any]) -> dict[str, Any] | BaseException:
    """What a task answers, called as a function."""
    try:
        answer: dict[str, Any] = app.tasks[name].run(**payload)
    except Exception as error:  # whatever it is, it is looked at
        return error
    return answer


def told(name: str, **payload: Any) -> dict[str, Any]:
    """The data that a task answers with."""
    data: dict[str, Any] = app.tasks[name].run(tenant_id=T, **payload)["data"]
    return data


@pytest.fixture
def known(database: str, tmp_path: Path) -> dict[str, list[Any]]:
    """A tenant with some data; gives values that mean something to it."""
    workspace.bind(tmp_path / "home", import_roots=[tmp_path])
    rows = "".join(f"c{at},c{at}@example.com,Lead {at},new\n" for at in range(20))
    path = tmp_path / "leads.csv"
    path.write_text(f"external_id,email,full_name,{CANARY} column\n{rows}")
    leads = [{"external_id": f"u{at}", "email": f"u{at}@example.com", "dnd_all": at % 2 == 0} for at in range(6)]
    told("hearth.tenants.configure")
    lead_ids = told("hearth.leads.upsert", leads=leads)["lead_ids"]
    told("hearth.leads.score", lead_ids=lead_ids)
    assessed = told("hearth.pipelines.assess", lead_ids=lead_ids[:2])["assessment_id"]
    imported = told("hearth.backfill.csv", uri=str(path), profile="canonical")["job_id"]
    return {
        "tenant_id": [T],
        "contract": ["1"],
        "lead_id": lead_ids,
        "assessment_id": [assessed],
        "backfill_id": [imported],
        "job_id": [assessed, imported],
        "number": [0, 1],
        "uri": [str(path)],
        "events": [[event, GENERIC] for event in highlevel()],
        "mapping": [{"columns": {f"{CANARY} column": "stage"}, "words": {"stage": {"new": [CANARY]}}}, None],
    }


def test_every_task_answers_or_refuses_by_name(
    database: str, known: dict[str, list[Any]], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    rng, ends = Random(17), Counter[str]()
    for name in NAMES:
        payloads = Payloads(app.tasks[name].contract.model_json_schema(), rng, known)
        for number in range(ROUNDS["sqlite" if database.startswith("sqlite") else "postgresql"]):
            payload = payloads.make()
            payload = payload if number % GOOD == 0 else spoilt(payload, rng)
            end = call(name, payload)
            ends[_checked(name, number, end)] += 1
    assert ends["ok"] > len(NAMES) / 2
    assert ends["InvalidPayload"] > len(NAMES)
    logged = capsys.readouterr()
    assert CANARY not in logged.out + logged.err + caplog.text
    with reading(EVERY_TENANT) as session:
        assert audit.verify(session, T).ok


def _checked(name: str, number: int, end: Any) -> str:
    """How a call ended; fails where it may not end so."""
    if isinstance(end, BaseException):
        assert isinstance(end, TaskError), f"{name} {number}: {type(end)}"
        assert not isinstance(end, Unexpected), f"{name} {number}: {end}"
        told = json.dumps(end.args, allow_nan=False)
        assert CANARY not in told, f"{name} {number}: {told}"
        if isinstance(end, InvalidPayload):
            assert end.errors, f"{name} {number}: no place"
        return type(end).__name__
    assert len(json.dumps(end, allow_nan=False).encode()) <= 1.2 * RESULT_LIMIT
    assert CANARY not in json.dumps(end["warnings"]), f"{name} {number}: {end['warnings']}"
    if name in ANSWERS:
        assert faults(name, end["data"]) == [], f"{name} {number}"
    return "ok"


def test_the_fuzzer_knows_every_public_task() -> None:
    assert set(registry.public_contracts()) <= set(NAMES)
