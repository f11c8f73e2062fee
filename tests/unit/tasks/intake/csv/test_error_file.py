"""The error file: safe in a spreadsheet, importable again."""

from __future__ import annotations

import csv
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.records import RejectedRow
from tasks.intake.csv import error_file, rows, source

HEADER = ("external_id", "email", "Change")


def rejected(record, cells, code="value.email", severity="warning", column="email"):
    return RejectedRow(
        line=record + 1,
        record=record,
        severity=severity,
        code=code,
        column=column,
        message=f"line {record + 1}: mend it",
        cells=tuple(cells),
    )


def table(path):
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.reader(lines))


def test_original_columns_and_reasons(tmp_path):
    path = tmp_path / "errors.csv"
    assert error_file.write(path, HEADER, [rejected(7, ["A1", "ann@", "3"])]) == 1
    assert table(path) == [
        [*HEADER, "_line", "_record", "_severity", "_code", "_column", "_message"],
        ["A1", "ann@", "3", "8", "7", "warning", "value.email", "email", "line 8: mend it"],
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["errors.csv"]


def test_findings_of_one_record_share_a_line(tmp_path):
    path = tmp_path / "errors.csv"
    cells = ["", "ann@", ""]
    found = [rejected(1, cells), rejected(1, cells, "row.no_identity", "error", None), rejected(2, cells)]
    assert error_file.write(path, HEADER, found) == 2
    assert table(path)[1][5:8] == ["error", "value.email;row.no_identity", "email"]


def test_rows_of_odd_width_lose_nothing(tmp_path):
    path = tmp_path / "errors.csv"
    error_file.write(path, HEADER, [rejected(1, ["A1"]), rejected(2, ["A2", "b", "c", "d", "e"])])
    short, long = table(path)[1:]
    assert (short[:3], len(short)) == (["A1", "", ""], 9)
    assert (long[:3], long[9:]) == (["A2", "b", "c"], ["d", "e"])


def test_a_failure_leaves_the_former_file(tmp_path):
    path = tmp_path / "errors.csv"
    path.write_text("former")

    def broken():
        yield rejected(1, ["A1", "", ""])
        raise ConnectionError

    with pytest.raises(ConnectionError):
        error_file.write(path, HEADER, broken())
    assert path.read_text() == "former"
    assert [entry.name for entry in tmp_path.iterdir()] == ["errors.csv"]


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1 305 555 1212", "-12.5", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", "'=x", "''-x"]
)
def test_formulas_are_guarded_and_come_back(cell):
    assert error_file.guard(cell) == f"'{cell}"
    assert error_file.unguard(error_file.guard(cell)) == cell


@pytest.mark.parametrize(
    ("cell", "guarded"),
    [
        (" =1", " '=1"),
        ("\u00a0＋1", "\u00a0'＋1"),
        ('"=1"', '"\'=1"'),
        (";=1", ";'=1"),
        ("x;=1;y", "x;'=1;y"),
        ("x; '@y", "x; ''@y"),
        ("x|-2+3", "x|'-2+3"),
        ("x\t=1", "x\t'=1"),
        ("x\r\n=1\n+1", "x\r\n'=1\n'+1"),
        ("\t=1", "'\t'=1"),
        ("\ufeff=1", "\ufeff'=1"),
        ("x;\u200b﹦1", "x;\u200b'﹦1"),
        ('x;"""=1', 'x;"""\'=1'),
        ("'#MISSING", "''#MISSING"),
    ],
)
def test_formulas_behind_blanks_and_other_separators_are_guarded_and_come_back(cell, guarded):
    assert error_file.guard(cell) == guarded
    assert error_file.unguard(guarded) == cell


@pytest.mark.parametrize("text", [";" * 500_000, ";=" * 250_000, "\n'" * 250_000 + "=", " " * 500_000])
def test_a_long_cell_is_guarded_at_once(text):
    assert error_file.unguard(error_file.guard(text)) == text


@pytest.mark.parametrize("cell", ["", "12.5", "O'Brien", "'quoted'", "a=b", "a, -b", "x - y", "a;b|c", "; '"])
def test_other_cells_stay(cell):
    assert error_file.guard(cell) == error_file.unguard(cell) == cell


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(
        st.tuples(*[st.text(st.sampled_from("'=+-@\t\r\n1.a,;| \"é"), max_size=8)] * 3),
        min_size=1,
        max_size=8,
        unique=True,
    )
)
def test_reading_an_error_file_gives_the_original_cells(tmp_path, cells):
    path = tmp_path / "errors.csv"
    error_file.write(path, HEADER, [rejected(number, row) for number, row in enumerate(cells, 1)])
    found = source.inspect(path)
    spooled = source.spool(path, tmp_path / "copy", found)
    records = [record for chunk in spooled.chunks for record in source.read_records(tmp_path / "copy", chunk, found)]
    assert [record.cells[:3] for record in records] == cells


def test_the_whole_way_round(importer):
    text = 'external_id,email,=Change,Note\nA1,ann@,-12.5,"=1+1"\n,,3,x\nA3,c@example.com,4,y\n'
    first = importer.take(text)
    aside = [
        row
        for record, converted in zip(first.records, first.rows, strict=True)
        for row in rows.rejected_rows(record, converted.issues)
    ]
    path = importer.folder / "errors.csv"
    assert error_file.write(path, first.source.header, aside) == 2
    assert not any(cell.startswith(tuple("=+-@")) for row in table(path) for cell in row)
    assert path.read_text().startswith('"external_id","email","\'=Change","Note","_line",')
    mended = path.read_text().replace("ann@", "ann@example.com").replace('\n"",', '\n"A2",')
    second = importer.take(mended)
    assert second.codes == []
    assert second.plan.custom == ["=Change", "Note"]
    assert [draft.custom for draft in second.drafts] == [
        {"=Change": -12.5, "Note": "=1+1"},
        {"=Change": 3.0, "Note": "x"},
    ]
    assert second.drafts[0].contact == {"email": "ann@example.com"}
    # An error file of an error file has the notes once.
    again = importer.folder / "again.csv"
    error_file.write(again, second.source.header, rows.rejected_rows(second.records[0], first.rows[0].issues))
    assert table(again)[0] == table(path)[0]


# --- what is not mended is refused again


@pytest.mark.parametrize(
    ("rows_", "code"),
    [
        ("A1,a@example.com,web\nA2,b@example.com,web,x\n", "row.column_count"),
        ("A1,a@example.com,web\n,,web\n", "row.no_identity"),
        ('A1,a@example.com,web\nA2,"oops\nA3,ok,web\nA4,"fine",web\n', "file.unclosed_quote"),
    ],
)
def test_rows_that_are_not_mended_are_refused_again_and_again(importer, rows_, code):
    intake = importer.take(f"external_id,email,source\n{rows_}")
    for turn in range(3):
        assert intake.codes == [("error", code)], turn
        intake = importer.file(importer.errors(intake, f"errors{turn}.csv"))


def test_a_short_row_is_taken_once_its_cells_are_told(importer):
    # the line break of a note cut this row in two
    path = importer.errors(importer.take("external_id,email,source\nA1,a note\n"))
    assert table(path)[1][:3] == ["A1", "a note", "#MISSING"]
    assert importer.take(path.read_text().replace("#MISSING", "")).drafts[0].external_id == "A1"
    assert importer.take(path.read_text().replace("#MISSING", "web")).drafts[0].fields == {"source": "web"}


def test_a_cell_that_looks_like_the_mark_is_not_one(importer):
    intake = importer.take("external_id,email,Note\nA1,a@,#MISSING\n")
    again = importer.file(importer.errors(intake))
    assert again.codes == [("warning", "value.email")]
    assert again.drafts[0].custom == {"Note": "#MISSING"}


def test_a_cell_of_enormous_length_costs_one_line_and_stays_refused(importer):
    text = f"external_id,source,Notes\nA1,web,{'x' * 300_000}\nA2,web,y\n"
    intake = importer.take(text)
    for turn in range(2):
        assert intake.codes == [("warning", "value.too_long")], turn
        path = importer.errors(intake, f"errors{turn}.csv")
        assert path.stat().st_size < 40_000
        intake = importer.file(path)
    assert intake.drafts[0].custom == {}


# --- rows known by their number


def test_rows_keep_their_number_through_error_files(importer):
    mapping = {"identity": {"row_number": True}}
    intake = importer.take("job,created_at\nclerk,2026-01-01\ncook,2/30/2026\nTotal,\nchef,x\n", mapping)
    first = [draft.external_id for draft in intake.drafts]
    ids = {"cook": first[1], "chef": first[2]}
    for turn in range(3):
        path = importer.errors(intake, f"errors{turn}.csv")
        assert [row[3] for row in table(path)[1:]] == [f"{n}@{ids['cook'][4:16]}" for n in (2, 4)]
        intake = importer.file(path, mapping)
        assert {draft.custom["job"]: draft.external_id for draft in intake.drafts} == ids


@pytest.mark.parametrize("cell", ["", "2", "x@abc", "2@ABCDEFABCDEF", "-1@abcdefabcdef"])
def test_a_record_that_names_no_file_is_known_by_its_new_place(importer, cell):
    mapping = {"identity": {"row_number": True}}
    notes = ",".join(error_file.NOTES)
    intake = importer.take(f"job,{notes}\ncook,3,{cell},error,x,,\n", mapping)
    assert intake.drafts[0].external_id == f"row-{intake.spooled.sha256[:12]}-1"
