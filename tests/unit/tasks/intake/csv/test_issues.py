"""Every code of the CSV contract: how it comes about, and that people can look it up."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from db.merging import merge
from tasks.intake.csv import sniffing
from tasks.intake.csv.columns import export_profiles, lead_schema
from tasks.intake.errors import FileRejected
from tasks.intake.files import LIMITS
from tasks.intake.values import scalars, vocabulary

GUIDE = Path(__file__).parents[5] / "docs" / "csv.md"
FILES = {
    "file.encoding": b"external_id\nA\x81\x8d\xff\n",
    "file.empty": b"external_id,email\n",
    "file.no_header": b"Ann,ann@example.com\nBob,bob@example.com\n",
    "file.unclosed_quote": b'external_id,notes\nA1,x\nA2,"never closed\n',
    "file.too_wide": b",".join(b"c%d" % n for n in range(501)) + b"\n" + b"," * 500 + b"\n",
    "file.binary": b"%PDF-1.7\n",
    "file.not_csv": b'{"a": 1}\n',
    "file.corrupt": b"\x1f\x8b\x08\x00broken",
}
ROWS = {
    "row.column_count": ("external_id,source", "A1,web,x"),
    "row.blank": ("external_id,source", ","),
    "row.too_long": (",".join(["external_id", *"abcdefghijklmnop"]), ",".join(["A1", *["x" * 32_000] * 16])),
    "row.no_identity": ("external_id,source", ",web"),
    "row.footer": ("external_id,source", "Grand total,1200"),
    "row.child": ("external_id,Note (Notes)", ",called"),
    "value.email": ("external_id,email", "A1,ann@"),
    "value.phone": ("external_id,phone", "A1,5.55E+09"),
    "value.date": ("external_id,created_at", "A1,2/30/2026"),
    "value.date_ambiguous": ("external_id,created_at", "A1,1/2/2026"),
    "value.number": ("external_id,deal_value", "A1,lots"),
    "value.number_ambiguous": ("external_id,deal_value", "A1,450.000"),
    "value.enum": ("external_id,lead_type", "A1,wizard"),
    "value.too_long": ("external_id,stage", "A1," + "x" * 501),
    "consent.not_understood": ("external_id,opt_in_sms", "A1,perhaps"),
    "consent.conflict": ("external_id,opt_in_sms,dnd_sms", "A1,yes,yes"),
    "time.future": ("external_id,created_at", "A1,2027-01-01"),
    "time.order": ("external_id,created_at,last_replied_at", "A1,2026-02-01,2026-01-01"),
}
#: found by the store, which knows the other rows and what came before; tested with it
STORED = {
    *("privacy.forgotten", "row.ambiguous_identity", "row.duplicate_in_file", "row.possible_duplicate"),
    *("stage.regression_ignored", "fact.corrected"),
}
#: files that are refused for reasons other than their content; tested with sources
OTHERS = {"file.too_large", "file.not_found", "file.not_a_file", "file.permission"}
#: of the file or a column as a whole, which is read all the same; tested with sources, plans and ends
NOTES = {"file.duplicate_header", "file.title", "file.no_identity", "label.unread"}


@pytest.mark.parametrize(("code", "content"), FILES.items())
def test_files(importer, code, content):
    with pytest.raises(FileRejected) as caught:
        importer.take(content)
    assert caught.value.code == code


@pytest.mark.parametrize(("code", "table"), ROWS.items())
def test_rows(importer, code, table):
    header, row = table
    intake = importer.take(f"{header}\nB1\n{row}\n" if header == "external_id" else f"{header}\n{row}\nB1,\n")
    assert code in [problem.code for problem in intake.rows[0].issues]


def test_what_a_file_says_later_meets_what_it_said_before(importer):
    first, second = importer.take(
        "external_id,stage,dnd_sms\nA1,Showing,yes\nA1,contacted,no\n",
    ).drafts
    known = merge(None, first, "overwrite").content
    merged = merge(known, second, "overwrite")
    assert set(merged.codes) == {"stage.regression_ignored", "consent.conflict"}
    assert (merged.content.fields["stage"], merged.content.consent) == ("showing", {"dnd_sms": True})


def test_the_guide_explains_every_code_and_no_other():
    explained = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE))
    assert explained == {*FILES, *ROWS, *STORED, *OTHERS, *NOTES}


def blocks(language):
    text = GUIDE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_guide_s_mapping_can_be_used(importer):
    (example,) = blocks("toml")
    mapping = tomllib.loads(example) | {"identity": {}}
    header = "ID,Internal score,Where from,Budget up to,Result,Stage,Phone,Added"
    row = "1,9,café,400k,Signed,left voicemail,305 555 1212,"
    intake = importer.take(f"{header}\n{row}\n".encode("mac_roman"), mapping)
    draft = intake.drafts[0]
    assert (draft.fields["source"], intake.source.warnings) == ("café", ())
    assert (draft.label, draft.fields["stage"], draft.source_system) == (True, "contacted", "our_crm")
    assert (draft.fields["budget_max"], draft.contact["phone"]) == (400_000.0, "+13055551212")


def test_the_guide_s_events_can_be_loaded(importer):
    text = GUIDE.read_text(encoding="utf-8")
    table = re.search(r"^    lead external id,.*?(?=\n\n)", text, re.MULTILINE | re.DOTALL)[0]
    intake = importer.take("".join(f"{line.strip()}\n" for line in table.splitlines()), subject="events")
    assert [row.event.kind for row in intake.rows] == ["sms", "call", "listing_view"]
    assert intake.codes == []
    kinds = set(export_profiles.load_profile("events").words["kind"].values())
    listed = re.search(r"Kinds: (.*?), and common words", text, re.DOTALL)[1]
    assert {word.strip() for word in listed.replace("\n", " ").split(",")} == kinds


def test_the_guide_names_every_column_profile_and_limit():
    text = GUIDE.read_text(encoding="utf-8")
    for names in lead_schema.KINDS.values():
        assert all(re.search(rf"\b{name}\b", text) for name in names)
    assert all(f"| `{name}` |" in text for name in export_profiles.profile_names())
    assert all(stage in text for stage in vocabulary.STAGES)
    for figure in (sniffing.MAX_COLUMNS, scalars.MAX_CELL, scalars.MAX_TEXT, LIMITS.records, LIMITS.record):
        assert re.search(rf"\b{figure:,}\b", text), figure
    assert LIMITS.unpacked == 20 * 2**30
