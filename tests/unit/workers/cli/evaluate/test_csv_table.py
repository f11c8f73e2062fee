"""Free tables on disk: delimiters, headers, bad rows, several files."""

import gzip

import pytest

from workers.cli.evaluate.csv_table import TableUnreadable, join, moments, read


def written(folder, text, name="leads.csv"):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_any_delimiter_packed_or_not(tmp_path, mark, name):
    text = "\n".join(mark.join(row) for row in (("a", "b b", "c"), ("1", "x, y;", ""), ("2", '"q"', "z"))) + "\n\n"
    text = text.replace("x, y;", '"x, y;"')
    assert read(written(tmp_path, text, name)).columns == {"a": ["1", "2"], "b b": ["x, y;", "q"], "c": ["", "z"]}


def test_a_separator_line_a_mark_and_columns_without_a_name_are_no_data(tmp_path):
    assert read(written(tmp_path, "\ufeffsep=;\na;b;\n1;2;\n3;4;\n")).columns == {"a": ["1", "3"], "b": ["2", "4"]}


def test_a_file_without_a_header_takes_names(tmp_path):
    assert read(written(tmp_path, "good day;joy\nbad day;anger\n"), ["text", "label"]).columns == {
        "text": ["good day", "bad day"],
        "label": ["joy", "anger"],
    }


def test_few_rows_of_another_width_are_left_out_and_counted(tmp_path):
    rows = [f"{number},x" for number in range(300)]
    rows[10] = "10,x,y"
    found = read(written(tmp_path, "a,b\n" + "\n".join(rows)))
    assert (len(found), found.misfits, found.first_misfit) == (299, 1, 12)


@pytest.mark.parametrize(
    "text, said",
    [
        ("a,b\n1,2\n3,4,5\n6,7\n", "first on line 3"),
        ("", "empty"),
        ("a,b\n", "no rows"),
        ('{"a": 1}', "JSON"),
    ],
)
def test_what_is_no_table_is_refused_by_name(tmp_path, text, said):
    with pytest.raises(TableUnreadable, match=rf"leads\.csv: .*{said}"):
        read(written(tmp_path, text))


def test_the_second_column_of_a_name_is_numbered_and_titles_are_passed_over(tmp_path):
    assert read(written(tmp_path, "a,a\n1,2\n")).columns == {"a": ["1"], "a (2)": ["2"]}
    assert read(written(tmp_path, "Deals of May\n\na,b,c\n1,2,3\n")).columns == {"a": ["1"], "b": ["2"], "c": ["3"]}


def test_files_of_the_same_columns_are_put_below_each_other(tmp_path):
    one = read(written(tmp_path, "a,b\n1,2\n3,4\n", "one.csv"))
    two = read(written(tmp_path, "b,a\n6,5\n", "two.csv"))
    assert join([one, two], "a").columns == {"a": ["1", "3", "5"], "b": ["2", "4", "6"]}


def test_other_files_are_put_beside_by_their_key(tmp_path):
    more = read(written(tmp_path, "id,city\n2,Rome\n1,Oslo\n9,Bonn\n", "more.csv"))
    main = read(written(tmp_path, "id,won\n1,yes\n2,no\n3,no\n", "main.csv"))
    assert join([more, main], "won").columns == {
        "id": ["1", "2", "3"],
        "won": ["yes", "no", "no"],
        "city": ["Oslo", "Rome", ""],
    }


@pytest.mark.parametrize("text, said", [("x,y\n1,2\n", "no column in common"), ("id,y\n1,2\n1,3\n", "apart")])
def test_files_that_do_not_belong_together_are_refused(tmp_path, text, said):
    main = read(written(tmp_path, "id,won\n1,yes\n2,no\n", "main.csv"))
    with pytest.raises(TableUnreadable, match=said):
        join([main, read(written(tmp_path, text, "more.csv"))], "won")


def test_dates_are_read_as_their_column_writes_them():
    assert moments(["13/02/2024", "01/02/2024"])("01/02/2024").month == 2
    assert moments(["02/13/2024", "01/02/2024"])("01/02/2024").month == 1
    with pytest.raises(ValueError, match="date"):
        moments(["x"])("x")
