"""What inputs say of being contacted: messages, tags, stages, notes, columns and own fields become statements."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.consent import draft_view
from db.records import LeadDraft
from tasks.contracts.leads import LeadIn
from tasks.crm import generic, highlevel
from tasks.intake import consent
from tasks.intake.csv.columns import planning
from tasks.intake.lead_drafts import to_draft
from tasks.intake.parsed_event import IgnoredEvent, ReaderContext

NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)
HEADER = "Lead ID,Name,Email,Phone"
PERSON = "Ada Larkmoor,ada.larkmoor@example.com,3055550101"


@pytest.fixture(scope="session")
def cases() -> Path:
    folder = Path(os.environ.get("HEARTH_CASES", "../shared/cases"))
    if not folder.is_dir():
        pytest.skip(f"no cases at {folder}: set HEARTH_CASES to their folder")
    return folder


def only(importer, header, row):
    intake = importer.take(f"{HEADER},{header}\n1,{PERSON},{row}\n")
    return intake, intake.rows[0]


@pytest.mark.parametrize(
    ("header", "row", "view"),
    [
        ("Opt Out", "Yes", {"dnd_all": True}),
        ("Unsubscribe", "TRUE", {"dnd_email": True}),
        ("Opted Out of SMS", "1", {"dnd_sms": True}),
        ("DNC List", "Yes", {"dnd_call": True, "dnd_sms": True}),
        ("Marketing Opt Out", "x", {"dnd_all": True}),
        ("Is Blacklisted", "True", {"dnd_all": True}),
        ("Subscription Status", "Unsubscribed", {"dnd_email": True}),
        ("Subscription Status", "Subscribed", {"opt_in_email": True}),
        ("Marketing status", "unsubscribed", {"dnd_email": True, "dnd_sms": True}),
        ("Opt Out,Email Opt In", "Yes,Yes", {"dnd_all": True}),
        ("SMS Consent,Text Consent", "yes,no", {"opt_in_sms": False}),
        ("Opt Out,Do Not Call", "No,0", {"dnd_all": False, "dnd_call": False}),
        ("Tags", '"website lead, do not contact"', {"dnd_all": True}),
        ("Tags,opt_in_sms", "sms opt out,yes", {"dnd_sms": True}),
        ("Stage", "Do Not Contact", {"dnd_all": True}),
        ("Stage", "Closed - DNC", {"dnd_call": True, "dnd_sms": True}),
        ("Deal Status", "Unsubscribed", {"dnd_email": True, "dnd_sms": True}),
        ("Lost reason", "Asked to be removed", {"dnd_all": True}),
        ("Remarks", "DNC", {"dnd_call": True, "dnd_sms": True}),
        ("Remarks", "lovely garden and no basement", {}),
        ("Opt Out", "", {}),
    ],
)
def test_columns_tags_stages_and_statuses(importer, header, row, view):
    _, found = only(importer, header, row)
    assert draft_view(found.draft) == view
    assert not {"Opt Out", "Unsubscribe", "DNC List", "Is Blacklisted"} & found.draft.custom.keys()


def test_a_mapping_does_not_hide_what_a_cell_says(importer):
    mapping = {"words": {"stage": {"archived": ["Do Not Contact"]}}}
    draft = importer.take(f"{HEADER},Stage\n1,{PERSON},Do Not Contact\n", mapping).drafts[0]
    assert (draft.fields["stage"], draft_view(draft)) == ("archived", {"dnd_all": True})


@pytest.mark.parametrize(
    "mapping", [{"ignore": ["Opt Out"]}, {"columns": {"Opt Out": "custom"}}, {"custom": ["Opt Out"]}]
)
def test_no_mapping_hides_a_column_that_refuses(importer, mapping):
    draft = importer.take(f"{HEADER},Opt Out\n1,{PERSON},Yes\n", mapping).drafts[0]
    assert (draft_view(draft), draft.custom) == ({"dnd_all": True}, {})


def test_a_column_of_consent_in_a_file_of_events_is_read():
    plan = planning.plan_columns(["external_id", "kind", "occurred_at", "Opt Out"], subject="events")
    assert plan.mapped["Opt Out"] == "dnd_all"


def test_a_row_of_events_keeps_what_its_columns_refuse(importer):
    path = importer.write("external_id,kind,occurred_at,Opt Out\nA1,listing_view,2026-01-02,Yes\n")
    found = importer.file(path, subject="events").rows[0]
    assert draft_view(found.lead) == {"dnd_all": True}
    assert "refuses" not in found.event.facts


def test_each_statement_says_where_it_was_found(importer):
    _, found = only(importer, "Opt Out,Tags,Stage", 'Yes,"vip; no texts",DND')
    assert [(one.channel, one.decision, one.basis, one.reference) for one in found.draft.statements] == [
        ("all", "refused", "column", "Opt Out"),
        ("sms", "refused", "tag", "no texts"),
        ("all", "refused", "stage", "DND"),
    ]


def test_a_date_in_a_column_of_consent_is_when_it_was_said(importer):
    _, found = only(importer, "SMS Opt Out Date,Email Opt-In Date", "2026-03-02,2026-03-01")
    assert {(one.decision, one.channel, one.said_at) for one in found.draft.statements} == {
        ("refused", "sms", datetime(2026, 3, 2, tzinfo=UTC)),
        ("granted", "email", datetime(2026, 3, 1, tzinfo=UTC)),
    }


@pytest.mark.parametrize(
    ("header", "row", "channel"),
    [("SMS Consent", "perhaps", "sms"), ("Tags", "consent unknown", "all"), ("Tags", "no email", "email")],
)
def test_what_looks_like_consent_and_is_not_understood_closes_the_channel_and_warns(importer, header, row, channel):
    _, found = only(importer, header, row)
    assert [(one.channel, one.decision, one.rule) for one in found.draft.statements] == [
        (channel, "doubtful", "not_understood")
    ]
    assert [problem.code for problem in found.issues] == ["consent.not_understood"]
    assert row not in " ".join(problem.message for problem in found.issues)


@pytest.mark.parametrize("header", ["Outcome", "Pipeline", "Status", "Loss Reason"])
def test_whatever_says_where_a_lead_stands_may_refuse(importer, header):
    _, found = only(importer, header, "do not contact")
    assert draft_view(found.draft) == {"dnd_all": True}


def test_a_refusing_word_that_nobody_knows_refuses_and_warns(importer):
    _, found = only(importer, "Unsubscribed Mode", "Manual")
    assert draft_view(found.draft) == {"dnd_email": True}
    assert [problem.code for problem in found.issues] == ["value.enum"]


def test_repeated_cells_say_the_same_of_each_row_and_are_remembered(importer):
    rows = "".join(f"{number},A B,a{number}@example.com,,Yes,No,perhaps\n" for number in range(4))
    intake = importer.take(f"{HEADER},Opt Out,Do Not Call,SMS Consent\n{rows}")
    assert {frozenset(draft_view(draft)) for draft in intake.drafts} == {frozenset({"dnd_all", "doubt_sms_at"})}
    assert [len(row.issues) for row in intake.rows] == [1] * 4


def test_notes_of_people_are_asked_about(importer):
    note = "spoke with the husband and he told us please stop calling them for good"
    _, found = only(importer, "Notes", note)
    assert [(one.decision, one.basis, one.reference) for one in found.draft.statements] == [
        ("doubtful", "custom", "Notes")
    ]
    assert found.draft.statements[0].quote == note


@pytest.mark.parametrize(
    ("row", "view"),
    [
        ("A1,sms,2026-01-02,inbound,sms,please stop texting me", {"dnd_sms": True}),
        ("A1,email,2026-01-02,inbound,email,unsubscribe me from everything", {"unsubscribed_at", "dnd_email"}),
        ("A1,sms,2026-01-02,outbound,sms,Reply STOP to unsubscribe", {}),
        ("A1,sms,2026-01-02,inbound,sms,could you stop by on Sunday?", {}),
    ],
)
def test_messages_of_a_file_of_events_are_read(importer, row, view):
    header = "external_id,kind,occurred_at,direction,channel,text"
    found = importer.file(importer.write(f"{header}\n{row}\n"), subject="events").rows[0]
    assert found.lead is not None, found.issues
    assert draft_view(found.lead).keys() == (view if isinstance(view, set) else view.keys())
    assert bool(found.event.facts.get("refuses")) is bool(view)


@pytest.mark.parametrize(
    ("kind", "view"),
    [
        ("SMS Opt-Out", {"dnd_sms": True}),
        ("Email Unsubscribed", {"dnd_email": True}),
        ("Do Not Contact set", {"dnd_all": True}),
        ("DNC added", {"dnd_all": True}),
    ],
)
def test_kinds_of_events_that_nobody_listed_refuse_by_their_names(importer, kind, view):
    found = importer.file(
        importer.write(f"external_id,kind,occurred_at\nA1,{kind},2026-01-02\n"), subject="events"
    ).rows[0]
    assert found.lead is not None, found.issues
    assert draft_view(found.lead) == view


def test_events_of_other_sources_refuse_by_their_names_too():
    setup = ReaderContext(tenant_id="T", now=NOON, received_at=NOON)
    lead = {"external_id": "A1"}
    for kind, names in (
        ("email_unsubscribed", {"dnd_email"}),
        ("sms_opt_out", {"dnd_sms"}),
        ("dnd_on", {"unsubscribed_at"}),
    ):
        notice = generic.read({"lead": lead, "kind": kind, "at": NOON.isoformat()}, setup)
        assert set(draft_view(notice.lead)) == names, kind
    event = {"type": "SmsOptOut", "locationId": "T", "contactId": "c1", "webhookId": "w1"}
    assert draft_view(highlevel.read(event, setup).lead) == {"dnd_sms": True}
    assert isinstance(highlevel.read({**event, "type": "SomethingElse"}, setup), IgnoredEvent)
    assert isinstance(generic.read({"lead": lead, "kind": "bus_stop"}, setup), IgnoredEvent)


def test_a_lead_of_the_contract_is_read_alike():
    lead = LeadIn.model_validate(
        {
            "external_id": "A1",
            "tags": ["buyer", "unsubscribed"],
            "stage": "showing",
            "custom": {"Opt Out": "No", "Do Not Call": "Yes", "Pets": "two cats", "SMS consent": 1},
        }
    )
    draft = to_draft(lead, NOON)
    assert draft_view(draft) == {"dnd_email": True, "dnd_sms": True, "dnd_call": True, "opt_in_sms": True}
    assert draft.custom == {"Pets": "two cats"}


def test_a_draft_that_says_nothing_is_given_back_as_it_is():
    draft = LeadDraft(fields={"tags": ["buyer"], "stage": "new"}, custom={"Pets": 2.0})
    assert consent.with_marks(draft, at=NOON) is draft


@pytest.mark.parametrize(
    ("text", "channel", "view"),
    [
        ("STOP", "sms", {"unsubscribed_at", "dnd_sms"}),
        ("stop txting me", "sms", {"dnd_sms"}),
        ("Please don't call me, text me instead", "sms", {"dnd_call"}),
        ("Could you stop by our place on Sunday?", "sms", set()),
        ("", "sms", set()),
    ],
)
def test_messages(text, channel, view):
    statements = consent.from_message(text, channel, at=NOON, reference="m1")
    assert set(draft_view(LeadDraft(statements=statements))) == view
    assert all(one.quote == text and one.basis == "words" and one.rule for one in statements)


# --- the cases from the field


def test_the_case_of_tags(importer, cases):
    drafts = importer.file(cases / "csv" / "refusals_in_tags.csv").drafts
    everything = {"dnd_all": True}
    assert [draft_view(draft) for draft in drafts] == [
        {"dnd_email": True, "dnd_sms": True},
        everything,
        everything,
        {},
        everything,
        {"dnd_call": True},
        {"dnd_sms": True},
    ]


def test_the_case_of_headers(importer, cases):
    intake = importer.file(cases / "csv" / "opt_out_headers.csv")
    refused = [{name for name, value in draft_view(draft).items() if value is True} for draft in intake.drafts]
    assert refused == [
        {"dnd_all"},
        {"dnd_email"},
        {"dnd_sms"},
        {"dnd_call", "dnd_sms"},
        {"dnd_all"},
        {"dnd_all"},
        {"dnd_email"},
        {"dnd_email"},
        {"opt_in_email"},
    ]
    assert intake.plan.custom == []


def test_refusals_of_other_exports(importer, cases):
    folder = cases / "csv"
    leads = importer.file(folder / "salesforce_report_footer.csv").drafts
    salesforce = {draft.external_id[-3:]: draft_view(draft) for draft in leads}
    assert salesforce["002"]["dnd_email"] is True
    assert salesforce["003"]["dnd_call"] is True
    pipedrive = [draft_view(draft) for draft in importer.file(folder / "pipedrive_people.csv").drafts]
    assert pipedrive[0]["dnd_email"] is True
    assert not any(name.startswith("dnd") for name in pipedrive[1])
    mautic = [draft_view(draft).get("dnd_all") for draft in importer.file(folder / "mautic_contacts.csv").drafts]
    assert mautic == [True, False, None]
    nulls = {draft.external_id: draft_view(draft) for draft in importer.file(folder / "mysql_nulls.csv").drafts}
    assert (nulls["13"]["dnd_call"], nulls["14"].get("dnd_call") or False) == (True, False)
