"""Files: how they look, what is refused, where chunks begin."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import stat
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.consent import draft_view
from tasks.intake import files
from tasks.intake.csv import source, spool
from tasks.intake.errors import FileRejected


def refusal(importer, content, name="leads.csv"):
    path = importer.write(content, name)
    with pytest.raises(FileRejected) as caught:
        source.spool(path, importer.folder / "copy", source.inspect(path))
    assert not (importer.folder / "copy").exists()
    return caught.value


# --- encodings


@pytest.mark.parametrize(
    ("codec", "found"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-32", "utf-32")],
)
def test_marks_tell_the_encoding(importer, codec, found):
    intake = importer.take("external_id,first_name\r\nA1,Zoë 🏡\r\n".encode(codec))
    assert intake.source.encoding == found
    assert intake.source.header == ("external_id", "first_name")
    assert intake.drafts[0].contact == {"first_name": "Zoë 🏡"}
    assert intake.source.warnings == ()


@pytest.mark.parametrize("order", ["le", "be"])
def test_utf16_of_either_byte_order(importer, order):
    mark = b"\xff\xfe" if order == "le" else b"\xfe\xff"
    intake = importer.take(mark + "external_id;first_name\nA1;Zoë\n".encode(f"utf-16-{order}"))
    assert intake.records[0].cells == ("A1", "Zoë")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_known_by_its_zero_bytes(importer, codec):
    intake = importer.take("external_id\tfirst_name\r\nA1\tZoë Āķis €\r\n".encode(codec))
    assert (intake.source.encoding, intake.source.warnings) == (codec, ())
    assert intake.source.header == ("external_id", "first_name")
    assert intake.drafts[0].contact["first_name"] == "Zoë Āķis €"


@pytest.mark.parametrize("numbers", [range(1, 400), range(256, 60_000, 256), [1] * 400])
def test_small_numbers_are_no_utf16_text(importer, numbers):
    content = b"".join(number.to_bytes(2, "little") for number in numbers)
    assert refusal(importer, content).code == "file.binary"


def test_what_is_no_csv_is_known_in_utf16_too(importer):
    assert refusal(importer, '<?xml version="1.0"?><leads/>'.encode("utf-16-le")).code == "file.not_csv"


def test_cp1252_quotes_are_read_with_a_warning(importer):
    intake = importer.take(b"external_id,source\nA1,\x93open house\x94\n")
    assert intake.source.encoding == "cp1252"
    assert [(each.severity, each.code) for each in intake.source.warnings] == [("warning", "file.encoding")]
    assert intake.drafts[0].fields["source"] == "“open house”"


def test_a_late_byte_decides(importer):
    content = b"external_id,source\n" + b"A1,web\n" * 300_000 + b"A2,caf\xe9\n"
    assert source.inspect(importer.write(content)).encoding == "cp1252"


def test_the_declared_encoding_comes_before_cp1252(importer):
    path = importer.write("external_id,first_name\nA1,Łukasz\n".encode("cp1250"))
    assert source.inspect(path, "windows-1250").encoding == "cp1250"
    assert source.inspect(path).encoding == "cp1252"


@pytest.mark.parametrize(
    ("written", "declared", "warned"),
    [("mac_roman", "macintosh", []), ("cp1252", "windows-1252", []), ("cp1252", None, 1)],
)
def test_only_an_encoding_that_was_guessed_is_warned_of(importer, written, declared, warned):
    path = importer.write("external_id,first_name\nA1,Zoë\n".encode(written))
    found = source.inspect(path, declared)
    assert found.encoding == {"mac_roman": "mac-roman"}.get(written, written)
    assert [issue.code for issue in found.warnings] == (["file.encoding"] if warned else [])


def test_utf8_comes_before_the_declared_encoding(importer):
    path = importer.write("external_id,first_name\nA1,Zoë\n")
    assert source.inspect(path, "mac_roman").encoding == "utf-8"


def test_an_unknown_declared_encoding_is_refused(importer):
    with pytest.raises(FileRejected, match=r"file\.encoding"):
        source.inspect(importer.write(b"external_id\n\xe9\n"), "no-such-codec")


def test_bytes_of_no_encoding_are_refused(importer):
    assert refusal(importer, b"external_id\nA\x81\x8d\xff\n").code == "file.encoding"


# --- delimiters


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_delimiters_are_found(importer, mark):
    content = f"external_id{mark}first_name{mark}source\n" + f"A1{mark}Ann{mark}web\n" * 3
    intake = importer.take(content)
    assert intake.source.delimiter == mark
    assert len(intake.drafts) == 3


@pytest.mark.parametrize(
    ("content", "mark"),
    [
        ("id;budget;note\n1;450,5;a, b\n2;300,5;c\n", ";"),
        ("id,note\n1,a;b;c\n2,x;y\n3,z\n", ","),
        ('id;"last, first"\n1;"Lee, Ann"\n2;"Roe, Bob"\n', ";"),
        ("email\na@example.com\nb@example.com\n", ","),
        ('"notes, remarks"\n"a, b"\nc\n', ","),
        ("sep=;\nid;a,b,c\n1;x,y,z\n", ";"),
    ],
)
def test_delimiters_are_told_from_punctuation(importer, content, mark):
    assert source.inspect(importer.write(content)).delimiter == mark


def test_rows_of_odd_width_do_not_hide_the_delimiter(importer):
    content = "external_id,email,source\n" + "A1,a@example.com,web\n" * 6 + "A2,b@example.com\nA3,c@example.com,x,y\n"
    assert source.inspect(importer.write(content)).delimiter == ","


def test_blank_lines_and_sep_before_the_header_count_as_lines(importer):
    intake = importer.take("sep=;\n\nexternal_id;source\nA1;web\n")
    assert [(record.number, record.line) for record in intake.records] == [(1, 4)]


# --- headers


@pytest.mark.parametrize(
    "content", [b"", b"\n \r\n", b"\xef\xbb\xbf", b"external_id,email\n", b"external_id,email\n\n\n"]
)
def test_empty_files_and_bare_headers(importer, content):
    assert refusal(importer, content).code in {"file.empty", "file.no_header"}


@pytest.mark.parametrize("content", [b"", b"external_id,email\n", b"\n\n", b"external_id,email\r\n\r\n"])
def test_files_without_rows_are_empty(importer, content):
    assert refusal(importer, content).code == "file.empty"


@pytest.mark.parametrize(
    "content",
    [
        "Ann,Lee,ann@example.com\nBob,Roe,bob@example.com\n",
        "1,2,3\n4,5,6\n",
        "Ann,(305) 555-0112\nBob,(305) 555-0113\n",
        "A,2026-01-02\nB,2026-01-03\n",
        ",,\n1,2,3\n",
        "56;housemaid;261;1;999;0;1.1;94;-36;4;5191\n57;services;149;1;999;0;1.1;94;-36;4;5191\n",
    ],
)
def test_data_is_no_header(importer, content):
    # A first line of blank cells is passed over, and what follows is data.
    assert refusal(importer, content).code == "file.no_header"


def test_of_two_columns_of_one_name_the_first_counts_and_a_mapping_may_choose_the_second(importer):
    text = "external_id,Email,email \nA1,a@example.com,b@example.com\nA2,,c@example.com\n"
    intake = importer.take(text)
    assert [draft.contact.get("email") for draft in intake.drafts] == ["a@example.com", None]
    assert [draft.custom for draft in intake.drafts] == [
        {"email (2)": "b@example.com"},
        {"email (2)": "c@example.com"},
    ]
    (warning,) = intake.source.warnings
    assert (warning.code, "columns 2 and 3" in warning.message) == ("file.duplicate_header", True)
    chosen = importer.take(text, {"columns": {"email (2)": "email"}})
    assert [draft.contact.get("email") for draft in chosen.drafts] == ["b@example.com", "c@example.com"]


def test_the_second_of_two_columns_that_refuse_is_read_too(importer):
    intake = importer.take("external_id,Opt Out,Opt Out\nA1,no,yes\n")
    assert draft_view(intake.drafts[0]) == {"dnd_all": True}


def test_more_than_500_columns_are_refused(importer):
    header = ",".join(f"c{n}" for n in range(501))
    assert refusal(importer, f"{header}\n{header}\n").code == "file.too_wide"


def test_500_columns_pass(importer):
    header = ",".join(["external_id", *(f"c{n}" for n in range(499))])
    assert len(importer.take(f"{header}\n{header}\n").plan.custom) == 499


def test_a_trailing_comma_is_an_empty_column(importer):
    intake = importer.take("external_id,source,\nA1,web,\nA2,web\n")
    assert intake.source.warnings == ()
    assert intake.plan.empty == ["column 3"]
    assert [draft.external_id for draft in intake.drafts] == ["A1", "A2"]


def test_a_blank_header_inside_is_told(importer):
    intake = importer.take(",external_id,source\n0,A1,web\n")
    assert [(each.code, each.message[:8]) for each in intake.source.warnings] == [("file.no_header", "column 1")]
    assert intake.drafts[0].custom == {}


def test_a_header_with_line_breaks(importer):
    intake = importer.take('external_id,"Lead\nSource"\nA1,web\n')
    assert intake.drafts[0].fields == {"source": "web"}
    assert intake.records[0].line == 3


# --- quotes


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('external_id,notes\nA1,fine\nA2,"never closed\nA3,x\n', 3),
        ('external_id,notes\nA1,"two\nlines"\nA2,"', 4),
        ('external_id,"notes\nA1,x\n', 1),
        ('external_id,notes\nA1,"' + "x" * 140_000 + "\nA2,y\n" * 3, 2),
    ],
)
def test_unclosed_quotes_are_refused_with_their_line(importer, content, line):
    path = importer.write(content)
    with pytest.raises(FileRejected) as caught:
        source.spool(path, importer.folder / "copy", source.inspect(path))
    assert caught.value.code in {"file.unclosed_quote", "file.empty"}
    if caught.value.code == "file.unclosed_quote":
        assert caught.value.message.startswith(f"line {line}:")
    assert [entry.name for entry in importer.folder.iterdir()] == ["leads.csv"]


@pytest.mark.parametrize(
    ("content", "torn"),
    [
        ('ID,notes\nA1,"oops\nA2,ok\nA3,"fine"\nA4,x\n', [True, False]),
        ('ID,notes\nA1,"oops\nA2,"fine"\nA4,x\n', [True, False]),
        ('ID,notes,x\nA1,"oops,1\nA2,ok,2\nA3,"fine",3\nA4,y,4\n', [True, False]),
        ('ID,notes\nA1,"a board of 6"" by 4,\nand two, really"\nA2,x\n', [False, False]),
        ('ID,notes\nA1,"he said ""a, b""\nA2, no"\nA2,x\n', [False, False]),
    ],
)
def test_a_quote_closed_by_a_later_row_swallows_nothing_in_silence(importer, content, torn):
    intake = importer.take(content)
    assert [record.torn for record in intake.records] == torn
    assert [("error", "file.unclosed_quote")] * sum(torn) == intake.codes


@pytest.mark.parametrize("title", ["Report of leads\n\n", "Leads\nAs of,2026-05-01\nFiltered by: mine\n"])
def test_titles_above_the_header_are_passed_over_with_a_note(importer, title):
    header = "ID,Email,Source,First Name,Last Name,Stage\n"
    intake = importer.take(title + header + "A1,a@example.com,web,Ann,Lee,new\n" * 3)
    assert [draft.external_id for draft in intake.drafts] == ["A1"] * 3
    assert [warning.code for warning in intake.source.warnings] == ["file.title"]
    assert intake.records[0].line == title.count("\n") + 2


def test_years_may_be_headers(importer):
    assert importer.take("ID,2019,2020\nA1,1,2\n").drafts[0].custom == {"2019": 1.0, "2020": 2.0}


def test_a_header_beyond_all_measure(importer):
    header = ",".join(f"column {n} " + "y" * 3000 for n in range(499))
    assert refusal(importer, f"{header}\n{header}\n").code == "file.too_wide"


@pytest.mark.parametrize(
    "content", ['{"a": 1}\n', '[{"a": 1}]', "<!DOCTYPE html>\n<html>\n", "<?xml version='1.0'?>\n"]
)
def test_other_texts_are_refused(importer, content):
    assert refusal(importer, content).code == "file.not_csv"


def test_quoted_line_breaks_survive(importer):
    intake = importer.take('external_id,notes\r\nA1,"one\r\ntwo\n\nthree\rfour"\r\nA2,x\r\n')
    assert intake.records[0].cells == ("A1", "one\r\ntwo\n\nthree\rfour")
    assert [record.line for record in intake.records] == [2, 7]


def test_old_mac_line_ends(importer):
    assert importer.take("external_id,source\rA1,web\rA2,web\r").spooled.records == 2


# --- limits


@pytest.mark.parametrize("packed", [False, True])
def test_more_bytes_than_the_limit_are_refused(importer, packed):
    content = b"external_id,source\n" + b"A1,web\n" * 5000
    path = importer.write(gzip.compress(content) if packed else content)
    limits = files.FileLimits(unpacked=10_000)
    for read in (
        lambda: source.inspect(path, limits=limits),
        lambda: source.spool(path, importer.folder / "copy", source.inspect(path), limits=limits),
    ):
        with pytest.raises(FileRejected, match=r"file\.too_large.*10000 bytes"):
            read()
    assert [entry.name for entry in importer.folder.iterdir()] == ["leads.csv"]
    assert source.inspect(path, limits=files.FileLimits(unpacked=len(content))).delimiter == ","


def test_a_bomb_is_stopped_before_it_fills_memory_or_disk(importer):
    path = importer.write(gzip.compress(b"external_id,source\n" + b"A" * 60_000_000))
    tracemalloc.start()
    with pytest.raises(FileRejected) as caught:
        source.spool(path, importer.folder / "copy", source.inspect(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.code == "file.too_wide"
    assert caught.value.message.startswith("line 2:")
    assert peak < 60_000_000


@pytest.mark.parametrize(("rows", "fits"), [(5, True), (6, False), (1200, False)])
def test_more_rows_than_the_limit_are_refused(importer, monkeypatch, rows, fits):
    path = importer.write("external_id\n" + "A\n" * rows)
    found = source.inspect(path)
    if fits:
        assert source.spool(path, importer.folder / "copy", found, limits=files.FileLimits(records=5)).records == rows
        return
    with pytest.raises(FileRejected, match=r"file\.too_large.*5 rows"):
        source.spool(path, importer.folder / "copy", found, limits=files.FileLimits(records=5))


@pytest.mark.parametrize(
    ("row", "code"), [("A2," + "x" * 3000, "file.too_wide"), ('A2,"' + "x\n" * 3000 + '"', "file.unclosed_quote")]
)
def test_rows_beyond_the_limit_are_refused_with_their_line(importer, row, code):
    path = importer.write(f"external_id,Notes\nA1,y\n{row}\nA3,z\n")
    with pytest.raises(FileRejected) as caught:
        source.spool(path, importer.folder / "copy", source.inspect(path), limits=files.FileLimits(record=2000))
    assert (caught.value.code, caught.value.message[:7]) == (code, "line 3:")


@pytest.mark.parametrize("size", [131_073, pytest.param(2_000_000, marks=pytest.mark.slow)])
def test_a_cell_beyond_what_csv_readers_take_costs_only_itself(importer, size):
    for cell in ("x" * size, '"' + "line\n" * (size // 5) + '"'):
        intake = importer.take(f"external_id,Notes\nA1,{cell}\nA2,y\n")
        assert [draft.external_id for draft in intake.drafts] == ["A1", "A2"]
        assert intake.codes == [("warning", "value.too_long")]
        assert intake.drafts[1].custom == {"Notes": "y"}


# --- not a CSV file


def test_paths_that_are_no_files(tmp_path):
    for path, code in ((tmp_path, "file.not_a_file"), (tmp_path / "none.csv", "file.not_found")):
        with pytest.raises(FileRejected) as caught:
            source.inspect(path)
        assert caught.value.code == code
    with pytest.raises(FileRejected, match=r"file\.not_found"):
        source.inspect(tmp_path / "none" / "none.csv")


def test_pipes_do_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(FileRejected, match=r"file\.not_a_file"):
        source.inspect(tmp_path / "pipe.csv")


def test_links_are_not_followed(importer, tmp_path):
    path = importer.write("external_id\nA1\n")
    (tmp_path / "file.csv").symlink_to(path)
    (tmp_path / "folder").symlink_to(path.parent)
    for link in (tmp_path / "file.csv", tmp_path / "folder" / path.name):
        with pytest.raises(FileRejected, match=r"file\.not_found"):
            source.inspect(link)


@pytest.mark.skipif(not os.path.exists("/proc/self/mountinfo"), reason="only Linux shows its kernel as files")
@pytest.mark.parametrize("path", ["/proc/{pid}/environ", "/proc/{pid}/maps", "/proc/kmsg", "/sys/kernel/uevent_seqnum"])
def test_the_systems_own_files_are_refused(path):
    found = Path(path.format(pid=os.getpid()))
    if not found.exists():
        pytest.skip("this system has no such file")
    with pytest.raises(FileRejected, match=r"file\.not_a_file"):
        source.inspect(found)


def test_a_file_that_grows_ends_where_it_ended_when_it_was_opened(importer):
    path = importer.write("external_id\nA1\n")
    with files.opened(path) as (raw, hashing):
        with path.open("a") as more:
            more.write("A2\n" * 200_000)
        assert raw.read() == b"external_id\nA1\n"
        assert hashing.finish() == hashlib.sha256(b"external_id\nA1\n").hexdigest()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_without_permission(importer):
    path = importer.write("external_id\nA1\n")
    path.chmod(0)
    with pytest.raises(FileRejected, match=r"file\.permission"):
        source.inspect(path)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"PK\x03\x04" + bytes(100), "workbook"),
        (b"%PDF-1.7\n%\xe2\xe3\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not text"),
        (b"\x00\x00\x00\x14ftypisom" + bytes(64), "not text"),
    ],
)
def test_binary_files_are_refused(importer, content, word):
    error = refusal(importer, content)
    assert error.code == "file.binary"
    assert word in error.message


def test_compressed_files_whatever_their_name(importer):
    packed = gzip.compress(b"external_id,source\nA1,web\n")
    for name in ("leads.csv.gz", "leads.csv"):
        intake = importer.file(importer.write(packed, name))
        assert intake.drafts[0].external_id == "A1"
        assert intake.spooled.sha256 == hashlib.sha256(packed).hexdigest()


@pytest.mark.parametrize("cut", [5, 40, -6])
def test_damaged_gzip_is_refused(importer, cut):
    packed = gzip.compress("\n".join(["external_id,source", *(f"A{n},{n * n}" for n in range(2000))]).encode())
    assert refusal(importer, packed[:cut], "leads.csv.gz").code == "file.corrupt"


def test_a_damaged_byte_in_gzip_is_refused(importer):
    packed = bytearray(gzip.compress(b"external_id,source\n" + b"A1,web\n" * 500))
    packed[-8] ^= 0xFF
    assert refusal(importer, bytes(packed), "leads.csv.gz").code == "file.corrupt"


# --- copies and chunks


def test_chunks_of_a_thousand(importer):
    intake = importer.take("external_id,notes\n" + "".join(f'A{n},"x\ny {n}"\n' for n in range(2500)))
    assert intake.spooled.records == 2500
    assert [(c.number, c.first_record, c.first_line, c.records) for c in intake.spooled.chunks] == [
        (0, 1, 2, 1000),
        (1, 1001, 2002, 1000),
        (2, 2001, 4002, 500),
    ]
    assert [record.number for record in intake.records] == list(range(1, 2501))
    assert [record.line for record in intake.records] == list(range(2, 5002, 2))


@pytest.mark.parametrize("count", [999, 1000, 1001, 2000])
def test_full_chunks_leave_no_empty_one(importer, count):
    spooled = importer.take("external_id\n" + "A\n" * count).spooled
    assert sum(chunk.records for chunk in spooled.chunks) == spooled.records == count
    assert all(chunk.records for chunk in spooled.chunks)


def test_the_copy_is_private_and_holds_the_same_text(importer):
    text = 'external_id,notes\r\nA1,"Zoë\r\n🏡"\r\nA2,x'
    importer.take(text.encode("utf-16"))
    copy = importer.folder / "spool"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert copy.read_bytes().decode() == text


def test_source_survives_json(importer):
    found = importer.take(b",external_id\n,A\xe9\n").source
    assert source.Source.load(json.loads(json.dumps(found.dump()))) == found


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(importer):
    path = importer.write(b"external_id,email,source\n" + b"A1,ann@example.com,web\n" * 200_000)
    found = source.inspect(path)
    tracemalloc.start()
    spooled = source.spool(path, importer.folder / "copy", found)
    for chunk in spooled.chunks[:3]:
        sum(1 for _ in source.read_records(importer.folder / "copy", chunk, found))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 4_000_000
    assert peak < 3_600_000  # two buffers of a megabyte, and the text of one


CELL = st.text(st.sampled_from('ab,;|\t"\n\r é🏡=\u2028\x0b'), max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=30),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    size=st.integers(1, 7),
)
def test_reading_by_offsets_is_reading_the_whole(tmp_path, monkeypatch, table, codec, end, quoting, size):
    monkeypatch.setattr(spool, "CHUNK", size)
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=quoting).writerows([("one", "two", "three"), *table])
    path = tmp_path / "table.csv"
    path.write_bytes(text.getvalue().encode(codec))
    found = source.Source(encoding=codec, delimiter=",", header=("one", "two", "three"))
    spooled = source.spool(path, tmp_path / "copy", found)
    records = [record for chunk in spooled.chunks for record in source.read_records(tmp_path / "copy", chunk, found)]
    assert [record.cells for record in records] == table
    assert [record.number for record in records] == list(range(1, len(table) + 1))
    whole = csv.reader(io.StringIO(text.getvalue(), newline=""))
    starts = [whole.line_num + 1 for _ in whole]  # where the next one starts
    assert [record.line for record in records] == starts[:-1]


def test_what_is_stored_of_a_source_is_what_workers_of_the_version_before_know(importer):
    stored = importer.take("Leads of May\n\nID,Email,Source\nA1,a@example.com,web\n").source.dump()
    assert set(stored) == {"encoding", "delimiter", "header", "guarded", "warnings"}


def test_rows_of_two_cells_above_a_row_of_many_are_no_titles(importer):
    rows = "L1,ok\nL2,\nL7,wants pool, garage, garden, view, Miami\nL8,fine\n"
    intake = importer.take(f"Lead ID,Notes\n{rows}")
    assert [draft.external_id for draft in intake.drafts] == ["L1", "L2", "L8"]
    assert ("error", "row.column_count") in intake.codes


def test_a_row_that_is_cut_in_two_stays_in_one_chunk(importer):
    rows = "".join(f"L{n},Ann,,Miami,no,a{n}@example.com\n" for n in range(1, 1000))
    cut = "L1000,Ann,please\ncall later,Miami,yes,ann@example.com\nL1001,Ann,,Miami,no,b@example.com\n"
    intake = importer.take(f"Id,Name,Note,City,Do Not Call,Email\n{rows}{cut}")
    assert [chunk.records for chunk in intake.spooled.chunks] == [1002]
    assert [draft.external_id for draft in intake.drafts][-2:] == ["L999", "L1001"]
    assert intake.codes[-2:] == [("error", "row.column_count")] * 2


def test_a_file_of_short_rows_is_cut_into_chunks_all_the_same(importer):
    intake = importer.take("Id,Name,City\n" + "".join(f"L{n},Ann\n" for n in range(2100)))
    assert [chunk.records for chunk in intake.spooled.chunks] == [1010, 1010, 80]
    assert len(intake.drafts) == 2100
