"""Card and worklist show how to speak to a lead as it was stored, and nothing of it where nothing may be computed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from db.records import PredictionDraft
from db.repositories.predictions import predictions
from db.session import transaction
from tasks.contracts import answers
from tasks.contracts.answers.personalization import ToneBrief
from tasks.contracts.base.wire import canonical
from tasks.leads import worklist as list_of_calls
from tasks.leads.card import card
from tasks.leads.score import score
from tasks.leads.worklist import worklist
from tasks.outcomes import record
from tasks.privacy.rights import forget, restrict
from tests.support.interventions import T, at_risk, brokerage
from tests.unit.workers.cli.leads.test_personalization_view import NO_TONE_TOLD, TOLD
from workers.cli.leads.card_view import show_card
from workers.cli.leads.worklist_view import show_worklist

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")
NOW = datetime.now(UTC)
DETAIL = {name: part for name, part in TOLD.items() if name not in ("as_of", "computed_at")}
BRIEF = ("tone", "journey", "send_window", "suggestion")


@pytest.fixture(autouse=True)
def tenant(database: str) -> None:
    brokerage()


def personalized(number: int = 1, **parts: Any) -> str:
    """A scored lead with a stored personalization."""
    lead_id = at_risk(number, at=NOW)
    score(tenant_id=T, lead_id=lead_id)
    with transaction(T) as session:
        (scored,) = predictions.latest(session, T, kind="lead_score", lead_ids=[lead_id])
        draft = PredictionDraft(
            lead_id=lead_id,
            snapshot_id=scored.snapshot_id,
            kind="personalization",
            model_id=None,
            model_version="rules-1",
            scope="rules",
            probability=DETAIL["journey"]["probability"],
            band=DETAIL["journey"]["stage"],
            detail=DETAIL | parts,
            as_of=scored.as_of,
        )
        predictions.save(session, T, drafts=[draft], now=NOW)
    return lead_id


def asked(task: str, **what: Any) -> Any:
    """The data of an answer as it goes over the wire, held against its model."""
    envelope = {"card": card, "worklist": worklist}[task](tenant_id=T, **what)
    data = json.loads(json.dumps(envelope["data"], default=str))
    assert answers.faults(f"hearth.leads.{task}", data) == []
    return data


def test_a_card_has_all_of_it_and_a_row_the_short_form() -> None:
    lead_id = personalized()
    told = asked("card", lead_id=lead_id)["personalization"]
    assert {name: told[name] for name in DETAIL} == DETAIL
    (row,) = asked("worklist")["leads"]
    assert row["tone"] == {name: DETAIL["tone"][name] for name in ToneBrief.model_fields}
    assert row["journey"] == {"stage": "serious_consideration", "probability": 0.62, "moved": "up"}
    assert row["send_window"]["basis_text"] == "own habit"
    assert row["suggestion"] == DETAIL["suggestion"]


def test_a_lead_without_one_has_null() -> None:
    lead_id = at_risk(at=NOW)
    score(tenant_id=T, lead_id=lead_id)
    assert asked("card", lead_id=lead_id)["personalization"] is None
    (row,) = asked("worklist")["leads"]
    assert [row[name] for name in BRIEF] == [None] * 4


def test_no_tone_is_a_status_and_no_neutral_tone() -> None:
    personalized(tone=NO_TONE_TOLD)
    (row,) = asked("worklist")["leads"]
    assert (row["tone"]["status"], row["tone"]["state"]) == ("insufficient_data", None)


def test_what_an_older_worker_stored_is_shown_as_far_as_it_goes() -> None:
    lead_id = personalized(**dict.fromkeys(("tone", "send_window", "guide", "suggestion")))
    assert asked("card", lead_id=lead_id)["personalization"]["journey"] == DETAIL["journey"]
    (row,) = asked("worklist")["leads"]
    assert (row["tone"], row["suggestion"]) == (None, None)


@pytest.mark.parametrize("how", ["restricted", "objected"])
def test_nothing_is_told_of_whom_nothing_may_be_computed(how: str) -> None:
    lead_id = personalized()
    restrict(tenant_id=T, lead_id=lead_id, **{how: True})
    assert asked("card", lead_id=lead_id)["personalization"] is None


def test_nothing_is_told_of_a_lead_that_has_ended() -> None:
    lead_id = personalized()
    record(tenant_id=T, outcomes=[{"subject": {"lead_id": lead_id}, "type": "won", "at": NOW.isoformat()}])
    assert asked("card", lead_id=lead_id)["personalization"] is None


def test_who_wants_no_contact_has_not_ended() -> None:
    lead_id = personalized()
    record(tenant_id=T, outcomes=[{"subject": {"lead_id": lead_id}, "type": "unsubscribed", "at": NOW.isoformat()}])
    told = asked("card", lead_id=lead_id)
    assert told["contactable"] is False
    assert told["personalization"]["journey"]["stage"] == "serious_consideration"


def test_nothing_is_left_of_a_lead_that_is_forgotten() -> None:
    gone, stays = personalized(1), personalized(2)
    forget(tenant_id=T, lead_id=gone)
    with transaction(T) as session:
        assert [row.lead_id for row in predictions.latest(session, T, kind="personalization")] == [stays]


def test_it_takes_the_room_of_nothing_else_and_the_last_rows_go_without_it_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in (1, 2, 3):
        personalized(number)
    rows = asked("worklist")["leads"]
    speaking = len(canonical({name: rows[0][name] for name in list_of_calls.HOW_TO_SPEAK}))
    monkeypatch.setattr(list_of_calls, "MOST", len(canonical(rows)) - speaking)
    *first, last = asked("worklist")["leads"]
    assert first == rows[:2]
    assert last == {name: value for name, value in rows[2].items() if name not in list_of_calls.HOW_TO_SPEAK}
    assert "action_id" in last


def test_what_is_answered_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    lead_id = personalized()
    capsys.readouterr()
    show_card("ct1", asked("card", lead_id=lead_id))
    told = capsys.readouterr().out
    assert "how to speak to it\n" in told
    assert told.index("what to do next") < told.index("how to speak to it") < told.index("\nscore\n")
    show_worklist("worklist", asked("worklist"))
    assert "Offer to go through the inspection together." in capsys.readouterr().out
