"""Every shape of a card that the task answers with is printed by `hearth card`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import product
from typing import Any, get_args

import pytest

from db.repositories.leads import archives
from db.session import EVERY_TENANT, transaction
from tasks.contracts.base.wire import to_wire
from tasks.contracts.leads import MarkScore
from tasks.leads.card import card
from tasks.leads.history import history
from tasks.leads.overrides import mark, override, withdraw_override
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.models import train_model
from tasks.outcomes import record
from tasks.privacy.rights import restrict
from tests.support.interventions import DAY, EVERYBODY, T, at_risk, brokerage, dispatched, planned
from tests.support.training import closed
from workers.cli.leads.card_view import show_card

pytestmark = [
    pytest.mark.usefixtures("database", "workspace_folder"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def tenant(database: str) -> None:
    brokerage()


def shown(lead_id: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What is printed of a lead, whose card went over the wire."""
    capsys.readouterr()
    data: dict[str, Any] = json.loads(json.dumps(card(tenant_id=T, lead_id=lead_id)["data"], default=to_wire))
    show_card(lead_id, data)
    return capsys.readouterr().out


def newest(lead_id: str) -> str:
    return str(history(tenant_id=T, lead_id=lead_id)["data"]["points"][0]["prediction_id"])


def scored(lead_id: str) -> str:
    score(tenant_id=T, lead_id=lead_id)
    return newest(lead_id)


def marked(lead_id: str, **said: Any) -> None:
    mark(tenant_id=T, prediction_id=newest(lead_id), **said)


VERDICTS, REASONS = (get_args(MarkScore.model_fields[name].annotation) for name in ("verdict", "reason"))


def test_a_lead_without_a_score(capsys: pytest.CaptureFixture[str]) -> None:
    assert "next" in shown(at_risk(at=NOW), capsys)


def test_every_mark(capsys: pytest.CaptureFixture[str]) -> None:
    lead_id = at_risk(at=NOW)
    scored(lead_id)
    for number, (verdict, reason) in enumerate(product(VERDICTS, REASONS)):
        marked(lead_id, actor=f"agent {number}", verdict=verdict, reason=reason)
        told = shown(lead_id, capsys)
        assert f"{verdict} ({reason.replace('_', ' ')}), says agent {number}" in told
    scored(lead_id)
    assert "says agent 0" in shown(lead_id, capsys), "the marks of the score before are still told"


def test_judged_by_a_person_and_not_any_more(capsys: pytest.CaptureFixture[str]) -> None:
    lead_id = at_risk(at=NOW)
    scored(lead_id)
    override(tenant_id=T, lead_id=lead_id, band="hot", actor="ada.quill", reason="met_in_person")
    assert "says ada.quill (met in person)" in shown(lead_id, capsys)
    withdraw_override(tenant_id=T, lead_id=lead_id, actor="ada.quill")
    marked(lead_id, actor="ada.quill")
    assert "wrong (other), says ada.quill" in shown(lead_id, capsys)


@pytest.mark.parametrize("kind", ["restricted", "objected"])
def test_nothing_is_computed_of_it(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    lead_id = at_risk(at=NOW)
    scored(lead_id)
    marked(lead_id, actor="ada.quill")
    restrict(tenant_id=T, lead_id=lead_id, **{kind: True})
    assert kind in shown(lead_id, capsys)


def test_archived(capsys: pytest.CaptureFixture[str]) -> None:
    lead_id = at_risk(at=NOW)
    scored(lead_id)
    marked(lead_id, actor="ada.quill")
    with transaction(EVERY_TENANT) as session:
        archives.archive(session, T, lead_ids=[lead_id])
    assert "archived" in shown(lead_id, capsys)


@pytest.mark.parametrize("outcome", ["won", "lost", "unsubscribed", "replied", "no_show"])
def test_what_became_of_it(outcome: str, capsys: pytest.CaptureFixture[str]) -> None:
    lead_id = at_risk(at=NOW)
    scored(lead_id)
    marked(lead_id, actor="ada.quill")
    told = {"subject": {"lead_id": lead_id}, "type": outcome, "at": NOW.isoformat()}
    record(tenant_id=T, outcomes=[told])
    assert outcome.replace("_", " ") in shown(lead_id, capsys)


@pytest.mark.parametrize("holdout", [0, 0.5])
def test_planned_for_and_held_out(holdout: float, capsys: pytest.CaptureFixture[str]) -> None:
    brokerage(**EVERYBODY | {"holdout": holdout})
    leads = [at_risk(number, at=NOW) for number in range(1, 9)]
    planned(NOW, *leads)
    dispatched(NOW + DAY)
    told = [shown(lead_id, capsys) for lead_id in leads]
    assert any("held out" in one for one in told) == bool(holdout)


def test_a_model_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    upsert(tenant_id=T, leads=[closed(number) for number in range(240)])
    assert train_model(tenant_id=T, kind="lead_score")["data"]["version"]
    lead_id = at_risk(at=NOW)
    scored(lead_id)
    marked(lead_id, actor="ada.quill", verdict="right")
    told = shown(lead_id, capsys)
    assert "lead_score-0001" in told
    assert "right (other), says ada.quill" in told
