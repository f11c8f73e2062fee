"""Files of events: what happened, to whom, and when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from db.consent import draft_view
from db.records import EventDraft
from tasks.intake.csv.columns import planning
from tasks.intake.errors import MappingRejected

HEADER = "lead external id,kind,occurred_at,direction,channel,text,duration,value,source_id"


def take(importer, text, mapping=None, **options):
    return importer.take(text, mapping, subject="events", **options)


def one(importer, row, mapping=None, header=HEADER):
    return take(importer, f"{header}\n{row}\n", mapping).rows[0]


def codes(converted):
    return [(problem.severity, problem.code, problem.column) for problem in converted.issues]


def test_a_full_row(importer):
    found = one(importer, 'A1,Text Message,2026-01-02T10:00:00Z,incoming,txt,"Yes, <b>please</b> 🏡",,,m-1')
    assert found.issues == ()
    assert found.lead.external_id == "A1"
    assert (found.lead.fields, found.lead.events, found.lead.consent) == ({}, (), {})
    assert found.event == EventDraft(
        kind="sms",
        occurred_at=datetime(2026, 1, 2, 10, tzinfo=UTC),
        recorded_at=datetime(2026, 1, 2, 10, tzinfo=UTC),
        direction="inbound",
        channel="sms",
        text="Yes, <b>please</b> 🏡",
        source="csv",
        source_id="m-1",
    )


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [("90", 90), ("1:30", 90), ("1:02:03", 3723), ("2 min", 120), ("1h 5m 3s", 3903), ("1.5 minutes", 90)],
)
def test_durations_are_seconds(importer, cell, seconds):
    assert one(importer, f"A1,call,2026-01-02,out,,,{cell},,c-1").event.facts == {"duration": seconds}


@pytest.mark.parametrize(
    ("kind", "stored", "channel"),
    [
        ("Viewed Property", "listing_view", "web"),
        ("LISTING_VIEW", "listing_view", "web"),
        ("Email Opened", "email_opened", "email"),
        ("Phone Call", "call", "call"),
        ("No-Show", "no_show", None),
    ],
)
def test_kinds_and_their_channels(importer, kind, stored, channel):
    event = one(importer, f"A1,{kind},2026-01-02,,,,,12,e-1").event
    assert (event.kind, event.channel, event.facts) == (stored, channel, {"value": 12.0})


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        ("A1,juggled,2026-01-02,,,,,,", "value.enum", "kind"),
        ("A1,,2026-01-02,,,,,,", "value.enum", "kind"),
        ("A1,call,yesterday,,,,,,", "value.date", "occurred_at"),
        ("A1,call,,,,,,,", "value.date", "occurred_at"),
        ("A1,call,1/2/2026,,,,,,", "value.date_ambiguous", "occurred_at"),
        ("A1,call,2027-01-02,,,,,,", "time.future", "occurred_at"),
        (",call,2026-01-02,,,,,,", "row.no_identity", None),
        ("A1,call", "row.column_count", None),
    ],
)
def test_rows_that_tell_no_event(importer, row, code, column):
    found = one(importer, row)
    assert (found.lead, found.event) == (None, None)
    assert codes(found) == [("error", code, column)]
    assert found.issues[0].message.startswith("line 2")
    assert "juggled" not in found.issues[0].message


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        ("A1,call,2026-01-02,sideways,,,,,e", "value.enum", "direction"),
        ("A1,call,2026-01-02,,pigeon,,,,e", "value.enum", "channel"),
        ("A1,call,2026-01-02,,,,-5,,e", "value.number", "duration"),
        ("A1,call,2026-01-02,,,,,inf,e", "value.number", "value"),
        ("A1,sms,2026-01-02,,," + "x" * 32_769 + ",,,e", "value.too_long", "text"),
    ],
)
def test_other_cells_are_left_out(importer, row, code, column):
    found = one(importer, row)
    assert codes(found) == [("warning", code, column)]
    assert found.event is not None


def test_identity_by_address_or_phone_and_name(importer):
    header = "email,phone,last_name,kind,occurred_at"
    intake = take(importer, f"{header}\nANN@example.com,,,call,2026-01-02\n,(305) 555-1212,Lee,call,2026-01-02\n")
    assert [row.lead.contact for row in intake.rows] == [
        {"email": "ann@example.com"},
        {"phone": "+13055551212", "last_name": "Lee"},
    ]


def test_ids_are_made_up_the_same_way_each_time(importer):
    rows = "".join(f"A1,sms,2026-01-02 10:00,in,,{text},,,\n" for text in ("yes", "no", "yes"))
    ids = [row.event.source_id for row in take(importer, f"{HEADER}\n{rows}").rows]
    assert ids[0] == ids[2] != ids[1]
    assert ids[0].startswith("sms:inbound:2026-01-02T10:00:00+00:00:")
    assert "yes" not in ids[0]


@pytest.mark.parametrize(
    ("row", "consent"),
    [
        ("A1,Unsubscribe,2026-01-02,,,,,,", {"unsubscribed_at": datetime(2026, 1, 2, tzinfo=UTC)}),
        ("A1,Opted Out,2026-01-02,,sms,,,,", {"dnd_sms": True}),
        ("A1,STOP,2026-01-02,,,,,,", {"dnd_all": True}),
    ],
)
def test_events_that_close_a_channel(importer, row, consent):
    assert draft_view(one(importer, row).lead) == consent


def test_a_mapping_may_tell_kind_and_words(importer):
    mapping = {"defaults": {"kind": "call", "source_system": "dialer"}, "columns": {"Began": "occurred_at"}}
    intake = take(importer, "Lead ID,Began,Agent\nA1,2026-01-02,Bob\n", mapping)
    assert (intake.rows[0].event.kind, intake.rows[0].event.source) == ("call", "dialer")
    assert (intake.plan.custom, intake.plan.ignored) == ([], ["Agent"])
    mapping = {"words": {"kind": {"juggling": ["juggled"], "showing": ["walked"]}}}
    rows = "A1,juggled,2026-01-02,,,,,,\nA1,Walked,2026-01-03,,,,,,\n"
    assert [row.event.kind for row in take(importer, f"{HEADER}\n{rows}", mapping).rows] == ["juggling", "showing"]


@pytest.mark.parametrize(
    ("header", "mapping", "place"),
    [
        (["email", "kind"], None, "columns"),
        (["email", "occurred_at"], None, "columns"),
        (["kind", "occurred_at"], None, "columns"),
        (["email", "kind", "occurred_at"], {"columns": {"email": "stage"}}, "columns.[0]"),
        (["kind", "occurred_at"], {"identity": {"row_number": True}}, "identity.row_number"),
    ],
)
def test_files_that_cannot_be_events(header, mapping, place):
    with pytest.raises(MappingRejected) as caught:
        planning.plan_columns(header, mapping=mapping, subject="events")
    assert caught.value.place == place
    with pytest.raises(MappingRejected, match="unknown for events"):
        planning.plan_columns(header, "hubspot", subject="events")


def test_the_error_file_goes_round(importer):
    first = take(importer, f"{HEADER}\nA1,juggled,2026-01-02,,,,,,\nA2,call,2026-01-02,,,,,,\nA3,call\n")
    path = importer.errors(first)
    again = importer.file(path, subject="events")
    assert [codes(row)[0][:2] for row in again.rows] == [("error", "value.enum"), ("error", "row.column_count")]
    text = path.read_text().replace("juggled", "showing").replace('"call","#MISSING"', '"call","2026-01-03"')
    mended = take(importer, text.replace("#MISSING", ""))
    assert [row.event.kind for row in mended.rows] == ["showing", "call"]
