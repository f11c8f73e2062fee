"""Score, band, reason and next action come into the CRM's own fields: once a window, only when they changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from db.records import OutboundDraft
from db.repositories.outbound import outbound
from db.session import transaction
from tasks.events import ingest
from tasks.leads.overrides import override
from tasks.leads.score import score
from tasks.privacy.rights import restrict
from tests.support.highlevel import HighLevel, Reaction
from tests.support.interventions import T, at_risk
from tests.support.sender import START, Desk, fields_entry

pytestmark = pytest.mark.usefixtures("database")
OURS = {"f-score": "ml:score", "f-band": "ml:band", "f-why": "ml:reason", "f-next": "ml:next_action"}
MAPPING = {**OURS, "f-budget": "budget"}


def told(desk: Desk, lead_id: str | None, kind: str = "band.changed") -> None:
    """An event of the stream; its body says nothing that the sender reads."""
    with transaction(T) as session:
        outbound.emit(session, T, events=[OutboundDraft(type=kind, lead_id=lead_id, body={})], now=desk.now)


def values(highlevel: HighLevel) -> list[dict[str, Any]]:
    return [{one["id"]: one["field_value"] for one in taken.body["customFields"]} for taken in highlevel.taken]


@pytest.fixture
def scored(desk: Desk) -> str:
    """A lead with a score, before the fields were mapped."""
    lead_id = at_risk(at=START)
    score(tenant_id=T, lead_id=lead_id, as_of=START.isoformat())
    return lead_id


def switch_on(desk: Desk, **sender: Any) -> None:
    desk.configure(sender={"write_back": True, **sender}, custom_fields=MAPPING)


def test_when_fields_are_mapped_those_of_all_leads_are_written_once(
    desk: Desk, highlevel: HighLevel, scored: str
) -> None:
    switch_on(desk)
    assert desk.serve() == 1
    assert desk.serve() == 0
    [taken] = highlevel.taken
    assert (taken.method, taken.path) == ("PUT", "/contacts/ct1")
    [written] = values(highlevel)
    assert written.keys() == OURS.keys()
    assert written["f-band"] in {"hot", "warm", "cold"}
    assert 0 <= written["f-score"] <= 100
    assert written["f-why"].endswith(".")
    assert not highlevel.faults


def test_a_window_has_one_request_with_the_newest_values(desk: Desk, highlevel: HighLevel, scored: str) -> None:
    switch_on(desk, debounce_seconds=60)
    desk.serve()
    band = values(highlevel)[0]["f-band"]
    newest, other = ("hot", "warm") if band != "hot" else ("cold", "warm")
    for chosen in (other, newest):
        override(tenant_id=T, lead_id=scored, band=chosen, reason="met_in_person", actor="ada.quill")
        told(desk, scored)
        desk.later(20)
        assert desk.serve() == 0
    desk.later(60)
    assert desk.serve() == 1
    assert [one["f-band"] for one in values(highlevel)] == [band, newest]


def test_unchanged_values_are_not_written(desk: Desk, highlevel: HighLevel, scored: str) -> None:
    switch_on(desk, debounce_seconds=0)
    desk.serve()
    for kind in ("band.changed", "risk.changed", "threshold.crossed", "assessment.completed"):
        told(desk, scored, kind)
        assert desk.serve() == 0
    told(desk, None, "scores.refreshed")
    assert desk.serve() == 0
    assert len(highlevel.taken) == 1


def test_a_failed_write_comes_again_with_the_values_of_then(desk: Desk, highlevel: HighLevel, scored: str) -> None:
    switch_on(desk)
    answers = iter([Reaction(status=502)])
    highlevel.react = lambda *_: next(answers, None)
    desk.serve()
    desk.later(60)
    assert desk.serve() == 1
    assert len(highlevel.taken) == 1


def test_news_of_many_leads_reach_all_of_them(desk: Desk, highlevel: HighLevel, scored: str) -> None:
    switch_on(desk)
    desk.serve()
    second = at_risk(2, at=START)
    score(tenant_id=T, lead_id=second, as_of=START.isoformat())
    told(desk, None, "scores.refreshed")
    assert desk.serve() == 1
    assert [taken.path for taken in highlevel.taken] == ["/contacts/ct1", "/contacts/ct2"]


def test_a_restricted_lead_is_not_written(desk: Desk, highlevel: HighLevel, scored: str) -> None:
    restrict(tenant_id=T, lead_id=scored, restricted=True, actor="ada.quill")
    switch_on(desk)
    assert desk.serve() == 0
    entry = fields_entry(scored)
    assert entry is not None
    assert (entry.state, entry.code) == ("withdrawn", "no_values")


def test_our_own_fields_coming_back_are_no_news(desk: Desk, highlevel: HighLevel, scored: str) -> None:
    switch_on(desk)
    desk.serve()
    [taken] = highlevel.taken
    contact = {"type": "ContactUpdate", "locationId": T, "id": "ct1"}
    before = {**contact, "webhookId": "w1", "customFields": []}
    echo = {
        **contact,
        "webhookId": "w2",
        "customFields": [{"id": one["id"], "value": one["field_value"]} for one in taken.body["customFields"]],
    }
    at = (desk.now + timedelta(seconds=1)).isoformat()
    ingest(tenant_id=T, provider="ghl", events=[before], signature_verified=True, received_at=at)
    answer = ingest(tenant_id=T, provider="ghl", events=[echo], signature_verified=True, received_at=at)["data"]
    assert (answer["accepted"], answer["ignored_by"]) == (0, {"own_echo": 1})
