"""The ledger of consent, doubts that a person settles, stored leads that are read again: on both databases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from db import consent as rules
from db.models import AuditEntry, ConsentEntry, Event, Lead
from db.repositories.consent import consent as ledger
from db.repositories.leads import leads
from db.session import EVERY_TENANT, reading, transaction
from tasks.errors import InvalidPayload
from tasks.events import ingest
from tasks.interventions.approvals import waiting
from tasks.leads.card import card
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.leads.worklist import worklist
from tasks.outbound import pull
from tasks.outcomes import record
from tasks.privacy.consent import consent, decide, doubts
from tasks.privacy.reread import reread
from tasks.privacy.rights import export, forget
from tasks.tenants import configure

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

NOW = datetime.now(UTC)
BEFORE = (NOW - timedelta(hours=3)).isoformat()
DOUBTFUL = "it would be so nice if I heard a little less of all of you in future"


@pytest.fixture
def tenant(database: str) -> str:
    configure(tenant_id="acme", settings={"timezone": "America/New_York", "name": "Harbor Homes"})
    return "acme"


@pytest.fixture
def unsure(monkeypatch: pytest.MonkeyPatch) -> str:
    """A message of which the reader says that it may be a refusal, whatever it has learnt by now."""
    from ml.language import refusals

    own = refusals.read_message

    def read(message: str, channel: str | None = None) -> refusals.MessageRefusal:
        if message == DOUBTFUL:
            return refusals.MessageRefusal(verdict="doubt", channels=frozenset({"all"}), rule="recogniser")
        return own(message, channel)

    monkeypatch.setattr(refusals, "read_message", read)
    return DOUBTFUL


def one(tenant: str, **fields: object) -> str:
    given = {"external_id": "a", "source_system": "ghl", "email": "a@example.com", "opt_in_call": True, **fields}
    return str(upsert(tenant_id=tenant, leads=[given])["data"]["lead_ids"][0])


def wrote(tenant: str, text: str, at: str = BEFORE, channel: str = "sms", number: str = "m1") -> None:
    lead = {"source_system": "ghl", "external_id": "a"}
    event = {"id": number, "lead": lead, "kind": channel, "at": at, "direction": "inbound", "channel": channel}
    answer = ingest(tenant_id=tenant, provider="generic", events=[{**event, "text": text}])["data"]
    assert answer["accepted"] + answer["duplicates"] == 1, answer


def said(tenant: str, lead_id: str) -> list[tuple[str, ...]]:
    told = consent(tenant_id=tenant, lead_id=lead_id)["data"]["statements"]
    return [(row["channel"], row["decision"], row["basis"], row["reference"]) for row in told]


def state(tenant: str, lead_id: str) -> Mapping[str, str]:
    found: Mapping[str, str] = consent(tenant_id=tenant, lead_id=lead_id)["data"]["channels"]
    return found


def view_of(tenant: str, lead_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The view that is stored, and the one that the ledger folds into."""
    with reading(EVERY_TENANT) as session:
        stored = leads.get(session, tenant, lead_ids=[lead_id])[0].consent
        entries = ledger.for_lead(session, tenant, lead_id=lead_id)
    folded = rules.view(one for entry in entries for one in rules.stored_statements(entry.said, entry.said_at))
    return {name: value for name, value in stored.items() if value is not False or name.startswith("opt")}, folded


def told(tenant: str, kind: str) -> list[Mapping[str, Any]]:
    return [event["data"] for event in pull(tenant_id=tenant)["data"]["events"] if event["type"] == kind]


def proofs(tenant: str) -> list[Mapping[str, Any]]:
    with reading(EVERY_TENANT) as session:
        rows = select(AuditEntry.body).where(AuditEntry.tenant_id == tenant, AuditEntry.kind == "consent")
        return [json.loads(body) if isinstance(body, str) else body for body in session.scalars(rows)]


def test_who_agreed_and_who_refused_is_kept_with_when_and_by_what(tenant: str) -> None:
    lead_id = one(tenant, tags=["buyer", "no emails"], opt_in_sms=True)
    wrote(tenant, "Please stop calling me, texts are fine")
    assert set(said(tenant, lead_id)) == {
        ("call", "refused", "words", "m1"),
        ("email", "refused", "tag", "no emails"),
        ("call", "granted", "field", "opt_in_call"),
        ("sms", "granted", "field", "opt_in_sms"),
    }
    assert state(tenant, lead_id) == {"email": "refused", "sms": "granted", "call": "refused"}
    stored, folded = view_of(tenant, lead_id)
    assert stored == folded
    shown = card(tenant_id=tenant, lead_id=lead_id)["data"]["consent"]
    assert shown["channels"] == state(tenant, lead_id)
    assert "stop calling" not in json.dumps(card(tenant_id=tenant, lead_id=lead_id)), "words stay in the database"
    assert {(tuple(body["channels"]), tuple(body["basis"])) for body in told(tenant, "consent.refused")} == {
        (("call",), ("words",)),
        (("email",), ("tag",)),
    }
    assert [body["event"] for body in proofs(tenant)] == ["consent.refused"] * 2


def test_the_same_again_is_noted_once(tenant: str) -> None:
    lead_id = one(tenant, tags=["DND"])
    for _ in range(2):
        one(tenant, tags=["DND"])
        wrote(tenant, "STOP")
    assert len(said(tenant, lead_id)) == len(set(said(tenant, lead_id)))
    assert len(told(tenant, "consent.refused")) == 2


def test_no_grant_opens_what_was_refused(tenant: str) -> None:
    lead_id = one(tenant, opt_in_sms=True)
    wrote(tenant, "stop txting me")
    one(tenant, opt_in_sms=True, tags=["sms opt in"], dnd_sms=False)
    assert state(tenant, lead_id)["sms"] == "refused"
    upsert(tenant_id=tenant, policy="overwrite", leads=[{"external_id": "a", "source_system": "ghl", "dnd_sms": False}])
    assert state(tenant, lead_id)["sms"] == "refused"


def test_a_message_that_refuses_is_no_inquiry_that_lets_anybody_call(tenant: str) -> None:
    lead_id = one(tenant, opt_in_call=None, source="cold list")
    wrote(tenant, "quit texting me")
    shown = card(tenant_id=tenant, lead_id=lead_id)["data"]["next"]
    assert shown["action"] is None
    assert {why["rule"] for why in shown["why_not"] if why["channel"] == "call"} == {"consent.call_missing"}


def test_in_doubt_nothing_is_sent_and_a_person_is_asked(tenant: str, unsure: str) -> None:
    lead_id = one(tenant, opt_in_sms=True, opt_in_email=True, assigned_to="ada")
    score(tenant_id=tenant, lead_id=lead_id)
    assert [row["lead_id"] for row in worklist(tenant_id=tenant)["data"]["leads"]] == [lead_id]
    wrote(tenant, unsure)
    listed = worklist(tenant_id=tenant)["data"]
    assert listed["leads"] == []
    assert [(row["lead_id"], row["external_id"], row["channels"]) for row in listed["in_doubt"]] == [
        (lead_id, "a", ["all"])
    ]
    assert worklist(tenant_id=tenant, assigned_to="bob")["data"]["in_doubt"] == []
    assert waiting(tenant_id=tenant)["data"]["in_doubt"] == doubts(tenant_id=tenant)["data"]["leads"]
    shown = card(tenant_id=tenant, lead_id=lead_id)["data"]
    assert set(shown["consent"]["channels"].values()) == {"in_doubt"}
    assert {why["rule"] for why in shown["next"]["why_not"]} == {"refusal.in_doubt"}
    assert [body["basis"] for body in told(tenant, "consent.doubtful")] == [["words"]]


def test_a_person_who_finds_no_refusal_opens_the_lead_for_good(tenant: str, unsure: str) -> None:
    lead_id = one(tenant)
    wrote(tenant, unsure)
    answer = decide(tenant_id=tenant, lead_id=lead_id, decision="open", actor="ada.quill")["data"]
    assert (answer["in_doubt"], answer["channels"]["call"]) == ({}, "granted")
    wrote(tenant, unsure)
    assert state(tenant, lead_id)["call"] == "granted", "the same message again is no new doubt"
    wrote(tenant, unsure, number="m2")
    assert state(tenant, lead_id)["call"] == "in_doubt", "another one is"
    assert said(tenant, lead_id)[1][1:] == ("settled", "person", "ada.quill")
    assert {"event": "consent.decided", "actor": "ada.quill", "decision": "open"}.items() <= proofs(tenant)[1].items()


def test_a_person_who_finds_a_refusal_closes_what_it_refused(tenant: str, unsure: str) -> None:
    lead_id = one(tenant, opt_in_sms=True)
    wrote(tenant, unsure)
    decide(tenant_id=tenant, lead_id=lead_id, decision="refused", channels=["sms"], actor="ada.quill")
    assert state(tenant, lead_id) == {"email": "unknown", "sms": "refused", "call": "granted"}
    with pytest.raises(InvalidPayload, match="conflict"):
        decide(tenant_id=tenant, lead_id=lead_id, decision="open", actor="ada.quill")
    assert state(tenant, lead_id)["sms"] == "refused"
    stored, folded = view_of(tenant, lead_id)
    assert stored == folded


def test_a_column_that_is_not_understood_closes_its_channel_until_a_person_decides(tenant: str) -> None:
    answer = upsert(
        tenant_id=tenant,
        leads=[{"external_id": "a", "source_system": "ghl", "custom": {"SMS Consent": "perhaps"}, "opt_in_sms": True}],
    )
    lead_id = answer["data"]["lead_ids"][0]
    assert answer["warnings"] == [{"code": "consent.not_understood", "path": "leads.0"}]
    assert (state(tenant, lead_id)["sms"], state(tenant, lead_id)["email"]) == ("in_doubt", "unknown")
    with reading(EVERY_TENANT) as session:
        assert leads.get(session, tenant, lead_ids=[lead_id])[0].custom == {}
    decide(tenant_id=tenant, lead_id=lead_id, decision="open", actor="ada.quill")
    upsert(tenant_id=tenant, leads=[{"external_id": "a", "source_system": "ghl", "custom": {"SMS Consent": "perhaps"}}])
    assert state(tenant, lead_id)["sms"] == "granted"


@pytest.mark.parametrize(
    ("name", "words", "others"), [("SMS Consent", "perhaps", "not sure"), ("Remarks", None, "please let her be")]
)
def test_other_words_under_the_same_name_are_a_new_doubt(
    tenant: str, unsure: str, name: str, words: str | None, others: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _also_unsure(monkeypatch, f"{others} {unsure}")
    second = others if words else f"{others} {unsure}"
    lead_id = one(tenant, custom={name: words or unsure})
    assert state(tenant, lead_id)["sms"] == "in_doubt"
    decide(tenant_id=tenant, lead_id=lead_id, decision="open", actor="ada.quill")
    one(tenant, custom={name: words or unsure})
    assert state(tenant, lead_id)["sms"] != "in_doubt"
    one(tenant, custom={name: second})
    assert state(tenant, lead_id)["sms"] == "in_doubt"


def test_a_doubt_that_an_older_version_stored_is_known_by_its_words(
    tenant: str, unsure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(rules.Entry, "id_of", _id_without_words)
        lead_id = one(tenant, custom={"Remarks": unsure})
    decide(tenant_id=tenant, lead_id=lead_id, decision="open", actor="ada.quill")
    one(tenant, custom={"Remarks": unsure})
    assert state(tenant, lead_id)["sms"] != "in_doubt"


def _id_without_words(entry: rules.Entry, lead_id: str, source: str) -> str:
    return hashlib.sha256(f"{lead_id}\n{source}\n{entry.text}".encode()).hexdigest()[:32]


def _also_unsure(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    from ml.language import refusals

    own = refusals.read_message
    doubt = refusals.MessageRefusal(verdict="doubt", channels=frozenset({"all"}), rule="recogniser")
    monkeypatch.setattr(
        refusals, "read_message", lambda said, channel=None: doubt if said == text else own(said, channel)
    )


def test_an_outcome_that_unsubscribed_is_in_the_ledger(tenant: str) -> None:
    lead_id = one(tenant)
    outcome = {"subject": {"lead_id": lead_id}, "type": "unsubscribed", "at": BEFORE, "outcome_id": "o1"}
    for _ in range(2):
        record(tenant_id=tenant, outcomes=[outcome])
    assert ("all", "unsubscribed", "event", "o1") in said(tenant, lead_id)
    assert set(state(tenant, lead_id).values()) == {"refused"}


def test_leads_stored_before_are_read_again_once(tenant: str, unsure: str) -> None:
    quiet, tagged, angry, vague = (
        one(tenant, external_id=name, email=f"{name}@example.com", opt_in_sms=True) for name in ("a", "b", "c", "d")
    )
    wrote(tenant, "see you on Sunday")
    with transaction(EVERY_TENANT) as session:
        for lead_id, fields in ((tagged, {"tags": ["do not contact"]}), (angry, {}), (vague, {})):
            row = (Lead.tenant_id == tenant, Lead.lead_id == lead_id)
            session.execute(
                update(Lead).where(*row).values(fields=fields, consent={"opt_in_sms": True}, contactable=True)
            )
        session.execute(delete(ConsentEntry))  # as before there was a ledger
    for lead_id, text in ((angry, "stop contacting me"), (vague, unsure)):
        _stored_message(tenant, lead_id, text)
    first = reread(tenant_id=tenant)["data"]
    assert (first["leads"], first["refused"], first["doubtful"]) == (4, 2, 1)
    assert first["finished_at"] is not None
    assert [state(tenant, lead_id)["sms"] for lead_id in (quiet, tagged, angry, vague)] == [
        "granted",
        "refused",
        "refused",
        "in_doubt",
    ]
    assert ("sms", "granted", "stored", "opt_in_sms") in said(tenant, tagged)
    assert {**reread(tenant_id=tenant)["data"]} == first, "once is enough"
    for lead_id in (quiet, tagged, angry, vague):
        stored, folded = view_of(tenant, lead_id)
        assert stored == folded
    assert [body["event"] for body in proofs(tenant)][-1] == "consent.reread"
    assert [(body["leads"], body["refused"], body["doubtful"]) for body in told(tenant, "consent.reread")] == [
        (4, 2, 1)
    ]


def test_a_reading_goes_on_where_it_stopped(tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = [{"external_id": str(number), "source_system": "x", "tags": ["dnd"]} for number in range(5)]
    upsert(tenant_id=tenant, leads=given)
    with transaction(EVERY_TENANT) as session:
        session.execute(delete(ConsentEntry))
        session.execute(update(Lead).values(consent={}, contactable=True))
    module = __import__("tasks.privacy.reread", fromlist=["x"])
    monkeypatch.setattr(module, "CHUNK", 2)
    own, calls = ledger.record, []

    def failing(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError
        return own(*args, **kwargs)

    monkeypatch.setattr(ledger, "record", failing)
    with pytest.raises(Exception, match="RuntimeError"):
        reread(tenant_id=tenant)
    done = reread(tenant_id=tenant)["data"]
    assert (done["leads"], done["refused"], len(calls)) == (5, 5, 4)


def test_a_persons_copy_has_the_words_and_erasure_takes_the_ledger(tenant: str, unsure: str, tmp_path: Any) -> None:
    lead_id = one(tenant)
    wrote(tenant, unsure)
    data = export(tenant_id=tenant, lead_id=lead_id)["data"]
    assert data["stores"]["consent_entries"] == 2
    copied = json.loads(next(tmp_path.rglob(f"*{data['export_id']}*.json")).read_text())["stores"]["consent_entries"]
    assert [row["quote"] for row in copied if row["quote"]] == [unsure]
    assert forget(tenant_id=tenant, lead_id=lead_id)["data"]["stores"]["consent_entries"] == 2
    with reading(EVERY_TENANT) as session:
        assert session.scalars(select(ConsentEntry.entry_id)).all() == []


def test_words_are_sealed_in_the_database(tenant: str, unsure: str) -> None:
    one(tenant)
    wrote(tenant, unsure)
    with reading(EVERY_TENANT) as session:
        rows = session.execute(select(ConsentEntry.quote, ConsentEntry.said)).all()
    assert not any(unsure.encode() in bytes(quote or b"") or unsure in json.dumps(said) for quote, said in rows)


def test_another_tenant_reads_nothing(tenant: str) -> None:
    lead_id = one(tenant)
    configure(tenant_id="other", settings={})
    with pytest.raises(InvalidPayload, match="unknown_lead"):
        consent(tenant_id="other", lead_id=lead_id)
    assert doubts(tenant_id="other")["data"]["leads"] == []


def _stored_message(tenant: str, lead_id: str, text: str) -> None:
    from db.records import EventDraft
    from db.repositories.events import events

    at = NOW - timedelta(days=2)
    draft = EventDraft(
        kind="sms",
        occurred_at=at,
        recorded_at=at,
        direction="inbound",
        channel="sms",
        text=text,
        source_id=f"s{text[:4]}",
    )
    with transaction(EVERY_TENANT) as session:
        events.add(session, tenant, lead_id=lead_id, drafts=[draft])
        assert session.scalar(select(Event.lead_id).where(Event.lead_id == lead_id)) == lead_id
