"""Rows: what they say of a lead, and what is wrong with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from db.consent import draft_view
from db.merging import merge
from db.records import EventDraft
from tasks.intake.csv import rows, spool
from tasks.intake.csv.columns.column_plan import ColumnPlan
from tasks.intake.lead_drafts import counted_as


def one(importer, header, row, mapping=None, **options):
    """The only row of a file with an id in front."""
    return importer.take(f"external_id,{header}\nA1,{row}\n", mapping, **options).rows[0]


def codes(converted):
    return [(problem.severity, problem.code, problem.column) for problem in converted.issues]


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_a_full_row(importer):
    header = (
        "external_id,source_system,email,phone,full_name,lead_type,stage,deal_value,tags,locations,budget_min,beds_min,"
        "emails_sent,timezone,state,opt_in_email,dnd_sms,created_at,last_replied_at,as_of,label,label_at,Pets"
    )
    row = (
        'A1,old crm,ANN@Example.com,(305) 555-1212,"Lee, Ann",Buyer,New,$9k,"hot, past client",'
        '"Austin, TX; Waco",400-500k,3+,'
        "7,America/Chicago,TX,yes,no,2026-01-02,2026-01-05T10:00:00Z,2026-02-01,won,2026-03-01,2 cats"
    )
    draft = importer.take(f"{header}\n{row}\n").rows[0].draft
    assert (draft.source_system, draft.external_id) == ("old crm", "A1")
    assert draft.contact == {
        "email": "ann@example.com",
        "phone": "+13055551212",
        "full_name": "Lee, Ann",
        "first_name": "Ann",
        "last_name": "Lee",
    }
    assert draft.fields == {
        "lead_type": "buyer",
        "stage": "new",
        "deal_value": 9000.0,
        "tags": ["hot", "past client"],
        "locations": ["Austin, TX", "Waco"],
        "budget_min": 400_000.0,
        "budget_max": 500_000.0,
        "beds_min": 3.0,
        "emails_sent": 7.0,
        "timezone": "America/Chicago",
        "state": "TX",
        "created_at": at(2026, 1, 2),
        "last_replied_at": at(2026, 1, 5, 10),
    }
    assert draft.custom == {"Pets": "2 cats"}
    assert draft_view(draft) == {"opt_in_email": True, "dnd_sms": False}
    assert (draft.as_of, draft.label, draft.label_at) == (at(2026, 2, 1), True, at(2026, 3, 1))


def test_events_come_from_times(importer):
    header = "created_at,last_contacted_at,last_replied_at,last_activity_at,stage_changed_at"
    row = "2026-01-01,2026-01-02,2026-01-03,2026-01-04,2026-01-05"
    events = one(importer, header, row).draft.events
    assert [(event.kind, event.direction, event.occurred_at.day) for event in events] == [
        ("inquiry", "inbound", 1),
        ("contact", "outbound", 2),
        ("reply", "inbound", 3),
        ("activity", "inbound", 4),
        ("stage_change", None, 5),
    ]
    assert events[0] == EventDraft(
        kind="inquiry",
        occurred_at=at(2026, 1, 1),
        recorded_at=at(2026, 1, 1),
        direction="inbound",
        source="csv",
        source_id="inquiry:2026-01-01T00:00:00+00:00",
    )


def test_an_export_knew_its_events_at_its_own_moment(importer):
    found = one(importer, "created_at,last_activity_at,as_of", "2026-01-01,2026-03-01,2026-02-01")
    assert [(event.kind, event.recorded_at) for event in found.draft.events] == [("inquiry", at(2026, 2, 1))]
    assert codes(found) == [("warning", "time.order", "last_activity_at")]
    assert "last_activity_at" not in found.draft.fields


def test_outcomes_may_come_after_the_moment_of_the_row(importer):
    found = one(importer, "as_of,closed_at,label", "2026-01-01,2026-02-01,0")
    assert (found.draft.label, found.draft.label_at, found.issues) == (False, at(2026, 2, 1), ())


# --- rows that are not taken


@pytest.mark.parametrize(("row", "fields"), [("A1,web", {"source": "web"}), ("A1", {})])
def test_rows_that_lack_only_cells_at_their_end_are_rows(importer, row, fields):
    found = importer.take(f"external_id,source,stage\nB1,web,new\n{row}\n").rows[1]
    assert (found.draft.external_id, found.draft.fields, found.issues) == ("A1", fields, ())


def test_a_row_that_ends_before_a_column_that_may_refuse_is_closed_until_a_person_decides(importer, now):
    found = importer.take("external_id,email,dnd_sms\nA1,a@example.com\n").rows[0]
    assert draft_view(found.draft) == {"doubt_all_at": now}
    assert codes(found) == [("warning", "consent.not_understood", "dnd_sms")]


def test_a_file_that_ends_in_the_middle_of_a_row_loses_that_row_only(importer):
    found = importer.take("external_id,source,stage\nA1,web,new\nA1")
    assert [draft.fields["stage"] for draft in found.drafts] == ["new"]
    assert codes(found.rows[1]) == [("error", "row.column_count", None)]


def test_a_last_row_without_a_line_break_is_a_row(importer):
    assert len(importer.take("external_id,source,stage\nA1,web,new\nA2,web,").drafts) == 2


@pytest.mark.parametrize("chunk", [1, 2, 1_000])
def test_the_halves_of_a_row_that_a_line_break_cuts_are_no_leads(importer, monkeypatch, chunk):
    monkeypatch.setattr(spool, "CHUNK", chunk)
    header = "external_id,last_name,notes,email,phone"
    broken = "A2,Lee,call\nafter six,ann@example.com,+13055550101"
    found = importer.take(f"{header}\nA1,Fox,,bob@example.com,\n{broken}\nA3,Sun,,cy@example.com,\n")
    assert [draft.external_id for draft in found.drafts] == ["A1", "A3"]
    assert [codes(row)[0] for row in found.rows[1:3]] == [("error", "row.column_count", None)] * 2


def test_short_rows_side_by_side_are_rows(importer):
    rows_of_three = "".join(f"A{n},a{n}@example.com,web\n" for n in range(4))
    found = importer.take(f"external_id,email,source,stage,notes\n{rows_of_three}")
    assert [draft.contact["email"] for draft in found.drafts] == [f"a{n}@example.com" for n in range(4)]
    assert found.codes == []


def test_a_refusal_behind_a_line_break_is_not_lost(importer, now):
    found = importer.take("external_id,notes,source,tags\nA1,call\nafter six,web,do not contact\n")
    assert {draft.external_id: draft_view(draft) for draft in found.drafts} == {
        "A1": {"doubt_all_at": now},
        "after six": {"doubt_all_at": now},
    }
    assert {code for _, code in found.codes} == {"consent.not_understood"}


@pytest.mark.parametrize("row", ["line two,a@example.com", "A1,Ann,new,b@", "A1,Ann,new,a@example.com,no date"])
def test_a_short_row_whose_cells_are_not_what_their_headers_say_is_part_of_a_row(importer, row):
    found = importer.take(f"external_id,full_name,stage,email,created_at,source\n{row}\n").rows[0]
    assert found.draft is None
    assert codes(found)[0] == ("error", "row.column_count", None)


@pytest.mark.parametrize("row", ["A1,web,x,y", 'A1,web,"x",,y'])
def test_rows_of_too_many_cells(importer, row):
    found = importer.take(f"external_id,source,stage\nB1,web,new\n{row}\n").rows[1]
    assert found.draft is None
    assert codes(found) == [("error", "row.column_count", None)]
    assert found.issues[0].message.startswith("line 3: ")


@pytest.mark.parametrize("row", ["A1,web,new,,", "A1,web,new, "])
def test_blank_cells_too_many_do_no_harm(importer, row):
    assert importer.take(f"external_id,source,stage\n{row}\n").rows[0].draft.external_id == "A1"


def test_rows_may_lack_the_trailing_comma_of_the_header(importer):
    assert importer.take("external_id,source,\nA1,web\n").rows[0].issues == ()


@pytest.mark.parametrize("row", ["", ",,", " ,\t, "])
def test_blank_rows_are_passed_over(importer, row):
    intake = importer.take(f"external_id,source,stage\nA1,web,new\n{row}\nA2,web,new\n")
    assert intake.codes == [("info", "row.blank")]
    assert [draft.external_id for draft in intake.drafts] == ["A1", "A2"]
    assert rows.rejected_rows(intake.records[1], intake.rows[1].issues) == ()


@pytest.mark.parametrize(
    ("row", "known"),
    [
        (",,,", False),
        (",,(305) 555-1212,", False),
        (",,,Lee", False),
        (",not an address,,Lee", False),
        (",,(305) 555-1212,Lee", True),
        (",ann@example.com,,", True),
        ("A1,,,", True),
    ],
)
def test_who_is_it(importer, row, known):
    found = importer.take(f"external_id,email,phone,last_name,source\n{row},web\n").rows[0]
    assert (found.draft is not None) is known
    assert known or codes(found)[0] == ("error", "row.no_identity", None)


@pytest.mark.parametrize("row", ["Total,,1200", "Grand total,,1200", "TOTALS: 3 leads,,1200", ",Total,1200"])
def test_lines_of_totals_are_no_leads(importer, row):
    found = importer.take(f"external_id,source,deal_value\nA1,web,5\n{row}\n").rows[1]
    assert codes(found) == [("info", "row.footer", None)]
    assert "total" in found.issues[0].message


def test_rows_without_ids_are_known_by_file_and_position(importer):
    mapping = {"identity": {"row_number": True}}
    first = importer.take("job,age\nclerk,40\ncook,50\n", mapping)
    assert [draft.external_id for draft in first.drafts] == [f"row-{first.spooled.sha256[:12]}-{n}" for n in (1, 2)]


def test_spouses_share_a_phone_and_stay_two(importer):
    drafts = importer.take("full_name,phone\nAnn Lee,305-555-1212\nBob Roe,305-555-1212\n").drafts
    assert [draft.contact["last_name"] for draft in drafts] == ["Lee", "Roe"]


# --- cells that are not taken


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("email", "ann@", "value.email"),
        ("phone", "5.55E+09", "value.phone"),
        ("created_at", "2/30/2026", "value.date"),
        ("created_at", "1/2/2026", "value.date_ambiguous"),
        ("created_at", "2027-01-01", "time.future"),
        ("deal_value", "inf", "value.number"),
        ("deal_value", "-5", "value.number"),
        ("calls", "-1", "value.number"),
        ("budget_max", "a lot", "value.number"),
        ("beds_min", "studio", "value.number"),
        ("lead_type", "wizard", "value.enum"),
        ("timezone", "Mars", "value.enum"),
        ("label", "perhaps", "value.enum"),
        ("opt_in_sms", "perhaps", "consent.not_understood"),
        ("stage", "x" * 501, "value.too_long"),
        ("first_name", "x" * 201, "value.too_long"),
        ("tags", "x" * 201, "value.too_long"),
        ("Notes", "x" * 32_769, "value.too_long"),
    ],
)
def test_a_bad_cell_is_left_out_and_the_row_goes_on(importer, column, cell, code):
    found = one(importer, f"source,{column}", f"web,{cell}")
    assert codes(found) == [("warning", code, column)]
    assert found.draft.fields == {"source": "web"}
    assert found.draft.contact == found.draft.custom == found.draft.consent == {}
    assert found.issues[0].message.startswith(f"line 2, column {column}: ")
    assert cell not in found.issues[0].message


def test_phones_without_a_code_are_of_the_country_that_the_mapping_names(importer):
    text = "external_id,phone\nA1,020 7946 0018\nA2,+1 305 555 1212\nA3,12\n"
    intake = importer.take(text, {"defaults": {"country": "GB"}})
    assert [draft.contact.get("phone") for draft in intake.drafts] == ["+442079460018", "+13055551212", None]
    assert intake.codes == [("warning", "value.phone")]


def test_the_same_person_twice_is_two_drafts_of_one_address(importer):
    drafts = importer.take("Email,Lead Source\nANN@example.com,web\nann@Example.com ,portal\n").drafts
    assert {draft.contact["email"] for draft in drafts} == {"ann@example.com"}


def test_stages_that_hearth_knows_are_spelled_in_one_way(importer):
    drafts = importer.take("external_id,stage\nA1,Under Contract\nA2,NEW\nA3,Our own stage\n").drafts
    assert [draft.fields["stage"] for draft in drafts] == ["under_contract", "new", "Our own stage"]


def test_ids_rounded_by_a_spreadsheet_would_join_strangers(importer):
    found = importer.take("external_id,email\n1.23457E+14,ann@example.com\n").rows[0]
    assert found.draft.external_id is None
    assert codes(found) == [("warning", "value.number", "external_id")]


@pytest.mark.parametrize(
    ("column", "cell"), [("email", '"a@example.com, b@example.com"'), ("phone", "305-555-1212 / 305-555-1313")]
)
def test_of_two_in_a_cell_the_first_is_taken(importer, column, cell):
    found = one(importer, column, cell)
    assert codes(found) == [("warning", f"value.{column}", column)]
    assert found.draft.contact[column] in {"a@example.com", "+13055551212"}


def test_formats_may_change_from_row_to_row(importer):
    cells = ["2026-01-31", "1/31/2026", "31.01.2026", "Jan 31 2026", "46053", "31-Jan-26", "2026-01-31T00:00:00Z"]
    intake = importer.take("external_id,created_at\n" + "".join(f"A{n},{cell}\n" for n, cell in enumerate(cells)))
    assert {draft.fields["created_at"] for draft in intake.drafts} == {at(2026, 1, 31)}


def test_dates_follow_the_zone_and_order_of_mapping_and_tenant(importer):
    found = one(importer, "created_at", "1/2/2026", {"defaults": {"date_order": "dmy"}}, timezone="America/New_York")
    assert found.draft.fields["created_at"] == at(2026, 2, 1, 5)
    mapping = {"defaults": {"date_order": "mdy", "timezone": "Asia/Tokyo"}}
    found = one(importer, "created_at", "1/2/2026", mapping, timezone="America/New_York")
    assert found.draft.fields["created_at"] == at(2026, 1, 1, 15)


def test_clocks_may_be_a_day_ahead(importer):
    assert one(importer, "created_at", "2026-11-21T11:00:00Z").issues == ()
    assert codes(one(importer, "created_at", "2026-11-21T13:00:00Z")) == [("warning", "time.future", "created_at")]


def test_what_comes_before_the_beginning_is_doubted_and_kept(importer):
    found = one(importer, "created_at,last_replied_at", "2026-02-01,2026-01-01")
    assert codes(found) == [("warning", "time.order", "last_replied_at")]
    assert len(found.draft.events) == 2
    assert one(importer, "created_at,last_replied_at", "2026-02-01T15:00:00Z,2026-02-01").issues == ()


@pytest.mark.parametrize(
    ("header", "row", "found"),
    [
        ("budget_max", "$450k", {"budget_max": 450_000.0}),
        ("budget_max", "400-500k", {"budget_min": 400_000.0, "budget_max": 500_000.0}),
        ("budget_min", "500k+", {"budget_min": 500_000.0}),
        ("budget_max", "under 500k", {"budget_max": 500_000.0}),
        ("budget_min,budget_max", "300k,400-500k", {"budget_min": 300_000.0, "budget_max": 500_000.0}),
    ],
)
def test_budgets(importer, header, row, found):
    assert one(importer, header, row).draft.fields == found


def test_budgets_upside_down(importer):
    found = one(importer, "budget_min,budget_max", "500k,400k")
    assert (codes(found), found.draft.fields) == ([("warning", "value.number", "budget_max")], {})


@pytest.mark.parametrize("cell", ["N/A", "null", "-", "none", "#N/A", "Select", "SELECT"])
def test_cells_that_say_nothing(importer, cell):
    header = "email,phone,created_at,deal_value,source,lead_type,opt_in_sms"
    cells = ",".join([cell] * 6 + ["" if cell == "none" else cell])
    found = one(importer, header, cells, {"missing": {"values": ["Select"]}})
    assert found.issues == ()
    assert found.draft.fields == found.draft.contact == found.draft.consent == {}


def test_words_that_say_nothing_elsewhere_may_be_names_and_levels(importer):
    found = one(importer, "last_name,preapproval,Garage,Rate", "Null,none,none,nan")
    assert found.draft.contact == {"last_name": "Null"}
    assert one(importer, "email,last_name", "a@example.com,NULL").draft.contact == {"email": "a@example.com"}
    assert found.draft.fields == {"preapproval": "none"}
    assert found.draft.custom == {"Garage": "none"}


# --- consent


@pytest.mark.parametrize(
    ("header", "row", "consent", "found"),
    [
        ("dnd_email", "yes", {"dnd_email": True}, []),
        ("dnd_all", "active", {"dnd_all": True}, []),
        ("dnd_all", "inactive", {"dnd_all": False}, []),
        ("dnd_call", "mornings only", {"dnd_call": True}, ["value.enum"]),
        ("unsubscribed_at", "2026-01-01", {"unsubscribed_at": at(2026, 1, 1)}, []),
        ("unsubscribed_at", "Yes", {"dnd_all": True}, []),
        ("unsubscribed_at", "no", {}, []),
        ("unsubscribed_at", "last week", {"dnd_all": True}, ["value.date"]),
        ("opt_in_email,dnd_email", "yes,yes", {"dnd_email": True}, ["consent.conflict"]),
        ("opt_in_sms,dnd_all", "yes,yes", {"dnd_all": True}, ["consent.conflict"]),
        ("opt_in_sms,dnd_email", "yes,yes", {"opt_in_sms": True, "dnd_email": True}, []),
        ("opt_in_email,unsubscribed_at", "yes,2026-01-01", {"unsubscribed_at": at(2026, 1, 1)}, ["consent.conflict"]),
        ("opt_in_all,opt_in_sms", "no,yes", {"opt_in_all": False}, ["consent.conflict"]),
        ("dnd_all,dnd_sms", "yes,inactive", {"dnd_all": True}, []),
        ("opt_in_sms,dnd_sms", "no,no", {"opt_in_sms": False, "dnd_sms": False}, []),
        ("dnd_email,unsubscribed_at", "no,2026-01-01", {"unsubscribed_at": at(2026, 1, 1)}, []),
        ("opt_in_all,dnd_sms", "no,no", {"opt_in_all": False, "dnd_sms": False}, []),
        ("opt_in_call,dnd_call", "yes,no", {"opt_in_call": True, "dnd_call": False}, []),
        ("opt_in_all,dnd_sms", "yes,yes", {"opt_in_all": True, "dnd_sms": True}, []),
        ("dnd_all,unsubscribed_at", "no,yes", {"dnd_all": True}, []),
        ("unsubscribed_at,dnd_all", "yes,no", {"dnd_all": True}, []),
    ],
)
def test_refusals_win_and_doubt_is_a_refusal(importer, header, row, consent, found):
    converted = one(importer, header, row)
    assert draft_view(converted.draft) == consent
    assert [problem.code for problem in converted.issues] == found


# --- outcomes


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        ("1", True),
        ("1.0", True),
        ("TRUE", True),
        ("won", True),
        ("0", False),
        ("Lost", False),
        ("open", None),
        ("", None),
    ],
)
def test_labels(importer, cell, label):
    found = one(importer, "source,label", f"web,{cell}")
    assert (found.draft.label, found.issues) == (label, ())


def test_labels_of_a_mapping(importer):
    mapping = {"label": {"column": "Result", "positive": ["J"], "negative": ["N"], "open": ["?"]}}
    intake = importer.take("ID,Result\n1,j\n2,N\n3,?\n4,yes\n", mapping)
    assert [draft.label for draft in intake.drafts] == [True, False, None, None]
    assert intake.codes == [("warning", "value.enum")]


@pytest.mark.parametrize("closes", [True, False])
def test_a_mapping_says_whether_a_label_closes_a_lead(importer, closes):
    mapping = {"label": {"column": "Result", "closes": closes}}
    intake = importer.take("external_id,Result\n1,yes\n2,\n", mapping)
    assert [draft.label_closes for draft in intake.drafts] == [closes, closes]
    assert ColumnPlan.load(intake.plan.dump()).label == intake.plan.label
    assert ("label_closes" in intake.plan.dump()) is not closes, "a file as before stays the same import"
    assert [counted_as(draft) for draft in intake.drafts] == [("won",) if closes else ("won", "open"), ("open",)]


@pytest.mark.parametrize(
    ("status", "label"), [("won", True), ("Closed Lost", False), ("abandoned", None), ("open", None)]
)
def test_the_status_tells_where_no_column_is_the_label(importer, status, label):
    assert one(importer, "opportunity_status,closed_at", f"{status},2026-01-01").draft.label is label
    assert one(importer, "opportunity_status,label", f"{status},").draft.label is None


# --- texts


def test_emoji_html_formulas_and_nul_bytes_are_texts(importer):
    row = '"<b>call</b> 🏡\nnow","=HYPERLINK(""x"")",a\x00b'
    found = importer.take(f"external_id,Notes,Formula,Odd\nA1,{row}\n".encode("utf-16")).rows[0]
    assert found.draft.custom == {"Notes": "<b>call</b> 🏡\nnow", "Formula": '=HYPERLINK("x")', "Odd": "ab"}


def test_defaults_fill_in(importer):
    mapping = {"defaults": {"source_system": "old", "lead_type": "seller"}}
    intake = importer.take("external_id,lead_type\nA1,\nA2,buyer\n", mapping)
    assert [(draft.source_system, draft.fields["lead_type"]) for draft in intake.drafts] == [
        ("old", "seller"),
        ("old", "buyer"),
    ]


def test_a_row_keeps_the_reasons_of_its_cells(importer):
    intake = importer.take("external_id,email,source\n,ann@,web\n")
    aside = rows.rejected_rows(intake.records[0], intake.rows[0].issues)
    assert [(row.severity, row.code, row.line, row.record) for row in aside] == [
        ("error", "row.no_identity", 2, 1),
        ("warning", "value.email", 2, 1),
    ]
    assert aside[0].cells == ("", "ann@", "web")


def test_cells_that_repeat_say_the_same_of_each_row(importer):
    header = "external_id,first_name,stage,calls,showings,tags,opt_in_sms,Pets"
    cells = "Ann,Left Voicemail,7,many,hot;cold,yes,2 cats"
    taken = importer.take(f"{header}\n" + "".join(f"A{number},{cells}\n" for number in range(3)))
    first, *others = taken.drafts
    assert (first.fields["calls"], first.fields["tags"], draft_view(first)) == (
        7.0,
        ["hot", "cold"],
        {"opt_in_sms": True},
    )
    assert all(
        (each.fields, each.contact, draft_view(each)) == (first.fields, first.contact, draft_view(first))
        for each in others
    )
    assert [codes(row) for row in taken.rows] == [[("warning", "value.number", "showings")]] * 3


def test_the_same_cell_means_what_its_column_means(importer):
    first, second = importer.take("external_id,calls,state,Pets\nA1,7,x,7\nA2,x,7,x\n").drafts
    assert (first.fields, first.custom) == ({"calls": 7.0, "state": "x"}, {"Pets": 7.0})
    assert (second.fields, second.custom) == ({"state": "7"}, {"Pets": "x"})


def test_drafts_are_clean_as_they_say(importer, now):
    """What the store would clean away is not there: both ways of merging come to the same."""
    header = (
        "external_id,full_name,email,stage,tags,locations,calls,budget_max,created_at,unsubscribed_at,opt_in_all,Pets"
    )
    messy = (
        'A1,"Lee\u00a0, Ann",a@example.com,NUL,";;","[ ]",3,400-500k,45000.5,yes,yes,NUL NUL',
        'A2,\u2003AnnNUL Lee\u2003,,aNULb,", ,x",\u00a0,1e14,under 1m,2026-01-02T03:04:05+02:00,2026-01-02,no,nan',
        "A3,Ann,,\U0001f600,hot,Austin,,,,,,99999999999999999999",
    )
    taken = importer.take("\n".join((header, *messy)))
    records = [replace(each, cells=tuple(cell.replace("NUL", "\x00") for cell in each.cells)) for each in taken.records]
    drafts = [rows.convert(each, taken.plan, taken.defaults, now).draft for each in records]
    assert drafts[1].contact["full_name"] == "Ann Lee"
    for draft in drafts:
        assert draft.clean
        assert merge(None, draft, "fill_blanks") == merge(None, replace(draft, clean=False), "fill_blanks")


# --- what looks like a closing line and is a lead


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("full_name,phone,dnd_call", "Suma Rao,+91 98765 43210,1"),
        ("full_name,phone,external_id", "Suma Rao,,1044"),
        ("full_name,email,deal_value", "Total Homes,ann@example.com,5"),
        ("full_name,external_id,source", "Sum Li,7,web"),
    ],
)
def test_a_name_that_begins_like_a_total_is_a_lead(importer, header, row):
    found = importer.take(f"{header}\n{row}\n").rows[0]
    assert found.draft is not None


def test_units_in_headers_are_no_child_rows(importer):
    mapping = {"identity": {"row_number": True}}
    text = "Age (years),Income (USD),Score (pts)\n30,5,1\n40,6,2\n"
    assert len(importer.take(text, mapping).drafts) == len(importer.take(text).drafts) == 2


def test_a_consent_for_one_channel_narrows_no_refusal(importer):
    cells = ["yes", "no", "do not contact", "do not call", "maybe"]
    text = "EMAIL,OPT_IN,BLACKLIST\n" + "".join(f"a{n}@example.com,{cell},\n" for n, cell in enumerate(cells))
    views = [draft_view(draft) for draft in importer.take(text, profile="brevo").drafts]
    assert views[:2] == [{"opt_in_email": True}, {"opt_in_email": False}]
    assert (views[2], views[3]) == ({"dnd_all": True}, {"dnd_call": True})
    assert set(views[4]) == {"doubt_all_at"}
