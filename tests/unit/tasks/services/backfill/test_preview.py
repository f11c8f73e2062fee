"""A preview says how a file is read, and shows nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from db.records import BackfillDraft
from tasks.intake.csv import source
from tasks.intake.csv.columns import evidence, planning
from tasks.intake.csv.columns import mapping as mapping_file
from tasks.services.backfill.preview import EXAMPLES, mask, preview

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEYS = {
    *("job_id", "state", "profile", "profile_why", "encoding", "delimiter", "rows", "warnings", "columns", "readings"),
    *("consent", "ends", "labels", "rejected", "passed_over", "advice", "error_file", "seconds", "ignored", "usable"),
}
READING = {"position", "column", "read_as", "decided_by", "counts_after", "filled", "examples", "advice"} | {
    *("warnings", "doubtful"),
}
FILE = """\
Leads of May
Lead ID,Full Name,Reach me,Lead Status,Opt Out,Budget,Pets,Notes
1,Ada Larkmoor,ada.larkmoor@example.com,Closed Won,no,450.000,2 cats,
2,Bo Quill,bo@example.com,Closed Lost,,1.250.000,no,call after six
3,Cy Dell,cy@example.com,New,yes,300000,,
4,Di Sá,di@example.com,sms opt out,N/A,lots,yes,
,Ed Fox,,New,,,,
Total,5
"""

Previewed = Callable[..., dict[str, Any]]


@pytest.fixture
def previewed(tmp_path: Path) -> Previewed:
    """Preview some text, as the task does it."""

    def run(text: str, mapping: dict[str, Any] | None = None) -> dict[str, Any]:
        path, spool = tmp_path / "leads.csv", tmp_path / "spool"
        path.write_text(text, encoding="utf-8")
        found = source.inspect(path)
        plan = planning.plan_columns(found.header, "auto", mapping, sample=found.sample)
        collected = evidence.collectors(plan)
        spooled = source.spool(path, spool, found, evidence=collected)
        defaults = mapping_file.file_defaults(mapping, profile=plan.profile, sha256=spooled.sha256)
        plan = evidence.complete(plan, collected, defaults)
        layout = {"kind": "leads", "source": found.dump(), "columns": plan.dump(), "defaults": defaults.dump()}
        draft = BackfillDraft(
            key="k",
            sha256=spooled.sha256,
            file_name=path.name,
            spool=str(spool),
            mode="preview",
            policy="fill_blanks",
            profile=plan.profile,
            source=json.loads(json.dumps(layout)),
        )
        return preview(draft, spooled, NOW)

    return run


def by_column(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {reading["column"]: reading for reading in shown["readings"]}


def test_it_has_the_keys_that_the_guide_names_and_is_json(previewed: Previewed) -> None:
    shown = previewed(FILE)
    assert shown.keys() == KEYS
    assert all(reading.keys() == READING for reading in shown["readings"])
    assert json.loads(json.dumps(shown)) == shown
    guide = (Path(__file__).parents[5] / "docs" / "csv.md").read_text(encoding="utf-8")
    told = guide[guide.index("## The preview") : guide.index("## Modes")]
    assert all(f"`{key}`" in told for key in READING - {"position"} | {"profile_why", "consent", "ends", "advice"})


def test_it_says_how_each_column_is_read_and_what_decided_it(previewed: Previewed) -> None:
    shown = previewed(FILE)
    readings = by_column(shown)
    assert {name: (reading["read_as"], reading["decided_by"]) for name, reading in readings.items()} == {
        "Lead ID": ("external_id", "generic"),
        "Full Name": ("full_name", "generic"),
        "Reach me": ("email", "values"),
        "Lead Status": ("stage", "generic"),
        "Opt Out": ("dnd_all", "consent"),
        "Budget": ("budget_max", "generic"),
        "Pets": ("attribute", ""),
        "Notes": ("attribute", ""),
    }
    assert [readings[name]["filled"] for name in ("Lead ID", "Reach me", "Notes")] == [5, 4, 1]
    assert [reading["position"] for reading in shown["readings"]] == list(range(1, 9))
    assert (shown["profile"], shown["delimiter"], shown["encoding"]) == ("generic", ",", "utf-8")


def test_a_cell_that_cannot_be_read_is_an_advice_of_its_column(previewed: Previewed) -> None:
    readings = by_column(previewed(FILE))
    assert readings["Budget"]["advice"].startswith("1 cell: ")
    assert readings["Full Name"]["advice"] is None


def test_a_warning_names_its_column_with_masked_examples_of_the_cells(previewed: Previewed) -> None:
    text = FILE.replace("Notes\n", "Notes,Create Date\n").replace("after six", "after six,soon")
    told = previewed(text)
    doubted = {r["column"]: (r["warnings"], r["doubtful"]) for r in told["readings"] if r["warnings"]}
    assert doubted["Create Date"] == ({"value.date": 1}, ["soon"])
    by_code = {code: sum(codes.get(code, 0) for codes, _ in doubted.values()) for code in told["warnings"]}
    assert by_code["value.date"] == told["warnings"]["value.date"]
    names = previewed("Lead ID,Full Name,Reach me\n1,Ada Larkmoor,ada at home\n2,Bo Quill,bo@example.com\n")
    (address,) = [r for r in names["readings"] if r["column"] == "Reach me"]
    assert "ada" not in json.dumps([address["doubtful"], address["advice"]])


def test_what_is_not_read_is_named_with_the_reason(previewed: Previewed) -> None:
    text = (
        "Record ID,Email,Lifecycle Stage,Lead Status,Became a Customer Date,Days To Close,Secret Notes,Pool\n"
        "1,a@example.com,Lead,New,,,x,yes\n2,b@example.com,Customer,Open,2026-01-02,3,y,no\n"
    )
    told = previewed(text, {"ignore": ["Secret Notes"]})
    assert {column["column"]: column["why"] for column in told["ignored"]} == {
        "Became a Customer Date": "outcome",
        "Days To Close": "outcome",
        "Secret Notes": "mapping",
    }
    assert all(column["text"] for column in told["ignored"])


def test_examples_name_nobody(previewed: Previewed) -> None:
    shown = previewed(FILE)
    readings = by_column(shown)
    assert readings["Reach me"]["examples"][0] == "a••.l•••••••@e••••••.c••"
    assert readings["Full Name"]["examples"] == ["A•• L•••••••", "B• Q••••", "C• D•••"]
    assert readings["Pets"]["examples"] == ["2 c•••", "no", "yes"]
    assert readings["Lead Status"]["examples"] == ["Closed Won", "Closed Lost", "New"]
    assert all(len(reading["examples"]) <= EXAMPLES for reading in shown["readings"])
    assert not any(name in json.dumps(shown) for name in ("Larkmoor", "larkmoor", "Quill", "bo@"))


def test_an_address_is_masked_in_every_column(previewed: Previewed) -> None:
    shown = previewed("Lead ID,Stage,Source\n1,ann@example.com,bob@example.com\n")
    assert {name: reading["examples"] for name, reading in by_column(shown).items() if name != "Lead ID"} == {
        "Stage": ["a••@e••••••.c••"],
        "Source": ["b••@e••••••.c••"],
    }


def test_it_says_what_was_understood_as_consent(previewed: Previewed) -> None:
    told = {entry["from"]: entry["understood"] for entry in previewed(FILE)["consent"]}
    assert told == {"Opt Out": {"refused all": 1}, "stage: sms opt out": {"refused sms": 1}}


def test_it_says_what_was_taken_for_an_end(previewed: Previewed) -> None:
    shown = previewed(FILE)
    assert shown["ends"] == [
        {"column": "Lead Status", "words": {"Closed Won": "won", "Closed Lost": "lost"}, "not_read": []}
    ]
    assert shown["labels"] == {"won": 1, "lost": 1, "open": 2}


def test_a_file_without_losses_is_told_what_to_add(previewed: Previewed) -> None:
    advice = previewed("Lead ID,Status\n1,Closed Won\n2,New\n")["advice"]
    assert [line for line in advice if line.startswith("no lost leads")]
    assert not [line for line in previewed(FILE)["advice"] if line.startswith("no ")]


def test_it_counts_rows_that_are_rejected_or_passed_over(previewed: Previewed) -> None:
    shown = previewed(FILE)
    assert shown["rows"] == {"read": 6, "looked_at": 6, "rejected": 1, "skipped": 1}
    assert [(entry["code"], entry["rows"]) for entry in shown["rejected"]] == [("row.no_identity", 1)]
    assert [(entry["code"], entry["rows"]) for entry in shown["passed_over"]] == [("row.footer", 1)]
    assert shown["rejected"][0]["examples"][0].startswith("line 7: ")


def test_lines_above_the_header_are_named(previewed: Previewed) -> None:
    shown = previewed(FILE)
    assert shown["warnings"]["file.title"] == 1
    assert shown["advice"][0] == "1 line above the column names were passed over"


def test_it_keeps_no_copy(previewed: Previewed, tmp_path: Path) -> None:
    previewed(FILE)
    assert [path.name for path in tmp_path.iterdir()] == ["leads.csv"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ada O'Dell-Quill", "A•• O'D•••-Q••••"),
        ("+1 (305) 555-0101", "+1 (3••) 5••-0•••"),
        ("ada_larkmoor", "a•••••••••••"),
        ("Jose\u0301phine", "J•••••••••"),
        ("नमिता", "न••••"),
        ("", ""),
    ],
)
def test_of_each_word_the_first_letter_is_left(text: str, shown: str) -> None:
    assert mask(text) == shown
