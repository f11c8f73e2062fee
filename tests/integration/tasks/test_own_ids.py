"""A caller's own ids: every task that takes our id of a lead takes hers, and every answer gives them both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.churn import predict
from tasks.errors import InvalidPayload
from tasks.interventions.approvals import waiting
from tasks.interventions.plan import plan
from tasks.leads.card import card
from tasks.leads.history import history
from tasks.leads.overrides import mark, override, withdraw_override
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.leads.worklist import worklist
from tasks.outbound import pull
from tasks.outcomes import record
from tasks.pipelines import assess
from tasks.privacy.consent import consent, decide
from tasks.privacy.rights import export, forget, restrict
from tasks.tenants import configure
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

NOW = datetime.now(UTC)
T = "acme"
OWN = {"external_id": "C-1", "source_system": "crm"}


def lead(own: str | None, system: str = "crm", **fields: object) -> dict[str, object]:
    came = (NOW - timedelta(days=9)).isoformat()
    return {"external_id": own, "source_system": system, "opt_in_call": True, "created_at": came, **fields}


@pytest.fixture
def lead_id(database: str) -> str:
    configure(tenant_id=T, settings={"timezone": "America/New_York"})
    return str(upsert(tenant_id=T, leads=[lead("C-1", email="a@example.com", showings=2)])["data"]["lead_ids"][0])


def refused(task: Callable[..., Any], **request: object) -> tuple[str, list[str]]:
    with pytest.raises(InvalidPayload) as caught:
        task(tenant_id=T, **request)
    code, places = caught.value.args
    return code, [place["loc"] for place in places]


ONE_LEAD = [
    (score, {}, ("lead",)),
    (predict, {}, ()),
    (card, {}, ()),
    (history, {}, ()),
    (override, {"actor": "ann", "band": "hot"}, ()),
    (withdraw_override, {"actor": "ann"}, ()),
    (plan, {}, ()),
    (consent, {}, ()),
]


@pytest.mark.parametrize(("task", "more", "path"), ONE_LEAD, ids=lambda each: getattr(each, "name", ""))
def test_one_lead_by_her_own_id(lead_id: str, task: Callable[..., Any], more: dict[str, Any], path: Any) -> None:
    for named in (OWN, {"external_id": "C-1"}, {"lead_id": lead_id}):
        data = task(tenant_id=T, **named, **more)["data"]
        for key in path:
            data = data[key]
        assert {name: data[name] for name in ("lead_id", *OWN)} == {"lead_id": lead_id, **OWN}
    assert refused(task, external_id="C-2", **more) == ("unknown_lead", ["external_id"])
    assert refused(task, external_id="C-1", source_system="other", **more) == ("unknown_lead", ["external_id"])
    assert refused(task, lead_id=lead_id, external_id="C-1", **more) == ("missing", [""])
    assert refused(task, lead_id=lead_id, source_system="crm", **more) == ("missing", [""])
    assert refused(task, **more) == ("missing", [""])


@pytest.mark.parametrize("task", [score, predict, plan], ids=lambda task: task.name)
def test_many_leads_by_their_own_ids_in_as_many_statements(lead_id: str, task: Callable[..., Any]) -> None:
    others = [lead(f"C-{number}") for number in range(2, 40)]
    lead_ids = [lead_id, *upsert(tenant_id=T, leads=others)["data"]["lead_ids"]]
    own = [f"C-{number}" for number in range(1, 40)]
    ours = task(tenant_id=T, lead_ids=lead_ids)
    assert task(tenant_id=T, external_ids=own)["data"] == ours["data"]
    assert task(tenant_id=T, external_ids=own, source_system="crm")["data"] == ours["data"]
    with counted() as by_ours:
        task(tenant_id=T, lead_ids=lead_ids)
    with counted() as by_own:
        task(tenant_id=T, external_ids=own)
    assert len(by_own) == len(by_ours) + 1, "one look-up for them all"
    assert refused(task, external_ids=["C-1", "C-98", "C-99"]) == (
        "unknown_lead",
        ["external_ids.1", "external_ids.2"],
    )


def test_an_assessment_by_own_ids(lead_id: str, live_broker: str) -> None:
    assert assess(tenant_id=T, external_ids=["C-1"])["data"]["leads"] == 1
    restrict(tenant_id=T, external_id="C-1", source_system="crm", restricted=True)
    answer = assess(tenant_id=T, external_id="C-1")
    assert (answer["status"], answer["data"]["identities"]) == ("blocked", [{"lead_id": lead_id, **OWN}])
    many = score(tenant_id=T, external_ids=["C-1"])
    assert many["data"]["identities"] == answer["data"]["identities"]
    assert many["warnings"] == [{"code": "lead.restricted", "path": "external_ids.0"}]


def test_an_id_of_two_leads_needs_its_system(lead_id: str) -> None:
    upsert(tenant_id=T, leads=[lead("C-1", "portal")])
    assert refused(card, external_id="C-1") == ("conflict", ["external_id"])
    assert refused(score, external_ids=["C-1"]) == ("conflict", ["external_ids.0"])
    outcome = {"subject": {"external_id": "C-1"}, "type": "replied", "at": NOW.isoformat()}
    assert refused(record, outcomes=[outcome]) == ("conflict", ["outcomes.0.subject"])
    assert card(tenant_id=T, **OWN)["data"]["lead_id"] == lead_id
    assert score(tenant_id=T, external_ids=["C-1"], source_system="crm")["data"]["scored"] == 1


def test_a_lead_of_two_systems_is_given_by_the_id_that_was_asked_for(lead_id: str) -> None:
    configure(tenant_id=T, settings={"merge_on": ["email"]})
    portal = lead("P-7", "portal", email="a@example.com")
    assert upsert(tenant_id=T, leads=[portal])["data"]["lead_ids"] == [lead_id]
    asked = {"external_id": "P-7", "source_system": "portal"}
    data = card(tenant_id=T, **asked)["data"]
    assert {name: data[name] for name in asked} == asked
    assert card(tenant_id=T, external_id="P-7")["data"]["external_id"] == "C-1", "no system was named"


def test_the_same_key_means_the_same_lead_however_it_is_named(lead_id: str) -> None:
    first = override(tenant_id=T, **OWN, actor="ann", band="hot", idempotency_key="k")
    again = override(tenant_id=T, lead_id=lead_id, actor="ann", band="hot", idempotency_key="k")
    assert (again["duplicate"], again["data"]) == (True, first["data"])
    upsert(tenant_id=T, leads=[lead("C-2")])
    assert refused(override, external_id="C-2", actor="ann", band="hot", idempotency_key="k")[0] == "conflict"


def test_rows_and_results_give_both_ids(lead_id: str) -> None:
    sent = [lead("C-1"), lead(None, email="b@example.com"), lead(None)]
    answer = upsert(tenant_id=T, leads=sent)["data"]
    assert (answer["external_ids"], answer["source_systems"]) == (["C-1", None, None], ["crm", None, None])
    score(tenant_id=T, external_ids=["C-1"])
    (row,) = worklist(tenant_id=T)["data"]["leads"]
    marked = mark(tenant_id=T, prediction_id=row["prediction_id"], actor="ann")["data"]
    for each in (row, marked):
        assert {name: each[name] for name in ("lead_id", *OWN)} == {"lead_id": lead_id, **OWN}
    nameless = score(tenant_id=T, lead_id=answer["lead_ids"][1])["data"]["lead"]
    assert (nameless["external_id"], nameless["source_system"]) == (None, None)


def test_a_lead_in_doubt_is_decided_by_her_own_id(lead_id: str) -> None:
    upsert(tenant_id=T, leads=[lead("C-3", custom={"Notes": "please do not call, or do"}, tags=["maybe dnc?"])])
    assert refused(decide, external_id="C-1", decision="open", actor="ann") == ("conflict", ["lead_id"])
    for row in worklist(tenant_id=T)["data"]["in_doubt"] + waiting(tenant_id=T)["data"]["in_doubt"]:
        assert (row["external_id"], row["source_system"]) == ("C-3", "crm")


def test_an_event_gives_both_ids_until_the_lead_is_forgotten(lead_id: str) -> None:
    score(tenant_id=T, **OWN)
    override(tenant_id=T, **OWN, actor="ann", band="hot", probability=None)
    events = pull(tenant_id=T)["data"]["events"]
    assert events
    assert all({name: event[name] for name in OWN} == OWN for event in events if event["lead_id"])
    assert export(tenant_id=T, external_id="C-1")["data"]["leads"] == 1
    forget(tenant_id=T, external_id="C-1", source_system="crm")
    after = pull(tenant_id=T)["data"]["events"]
    assert after[-1]["type"] == "lead.forgotten"
    assert "C-1" not in repr(after)
    assert refused(forget, external_id="C-9") == ("unknown_lead", ["external_id"])


def test_a_forgotten_lead_that_is_sent_again_leaves_no_id_in_the_answer(lead_id: str) -> None:
    forget(tenant_id=T, lead_id=lead_id)
    answer = upsert(tenant_id=T, leads=[lead("C-1", email="a@example.com")])["data"]
    assert (answer["lead_ids"], answer["external_ids"]) == ([None], [None])
