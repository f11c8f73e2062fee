"""Headers, profiles and mappings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.intake.csv.columns import column_plan, export_profiles, lead_schema, planning
from tasks.intake.csv.columns import mapping as mapping_file
from tasks.intake.errors import MappingRejected

EXAMPLES = Path(__file__).parents[6] / "examples" / "mappings"


def place(header, mapping=None, profile="auto"):
    with pytest.raises(MappingRejected) as caught:
        planning.plan_columns(header, profile, mapping)
    return caught.value.place


def test_headers_match_without_case_and_punctuation():
    plan = planning.plan_columns(["External-ID", "FIRST NAME", "Budget (Max)", "utm source", "Shoe size"], "canonical")
    assert plan.mapped == {
        "External-ID": "external_id",
        "FIRST NAME": "first_name",
        "Budget (Max)": "budget_max",
        "utm source": "utm_source",
    }
    assert plan.custom == ["Shoe size"]


def test_the_likeliest_header_claims_and_each_claims_once():
    plan = planning.plan_columns(["Mobile", "Phone", "Email 1", "Email", "Last Name"], "generic")
    assert plan.mapped == {
        "Mobile": "phone",
        "Phone": "phone",
        "Email 1": "email",
        "Email": "email",
        "Last Name": "last_name",
    }
    assert [column.header for column in plan.read_columns if column.rank] == ["Mobile", "Email 1"]


def test_auto_takes_canonical_when_most_headers_are():
    assert planning.plan_columns(["external_id", "email", "Hobby"], "auto").profile == "canonical"
    assert planning.plan_columns(["Lead ID", "E-mail Address", "Lead Source"], "auto").profile == "generic"


def test_the_mapping_wins_over_the_profile():
    mapping = {"columns": {"Email": "custom", "Contact": "email", "Phone": "assigned_to"}, "ignore": ["Notes"]}
    plan = planning.plan_columns(["ID", "Email", "Contact", "Phone", "Notes"], "generic", mapping)
    assert plan.mapped == {"ID": "external_id", "Contact": "email", "Phone": "assigned_to"}
    assert (plan.custom, plan.ignored) == (["Email"], ["Notes"])


def test_a_list_of_custom_columns_leaves_the_others_out():
    plan = planning.plan_columns(["ID", "Source", "a", "b"], "generic", {"custom": ["a", "Source"]})
    assert (plan.mapped, plan.custom, plan.ignored) == ({"ID": "external_id"}, ["Source", "a"], ["b"])


def test_columns_of_an_error_file_are_left_out_unless_claimed():
    header = ["external_id", "_line", "_record", "_severity", "_code", "_column", "_message"]
    assert planning.plan_columns(header).ignored == header[1:]
    assert planning.plan_columns(header, mapping={"columns": {"_code": "stage"}}).mapped["_code"] == "stage"
    assert planning.plan_columns(["external_id", "_line"]).custom == ["_line"]


@pytest.mark.parametrize(
    ("mapping", "where"),
    [
        ({"columns": {"Mail": "e_mail"}}, "columns.[0]"),
        ({"columns": {"Nope": "email"}}, "columns.[0]"),
        ({"columns": {"Mail": "stage", "ID": "stage"}}, "columns.[1]"),
        ({"columns": {"Mail": 5}}, "columns.[0]"),
        ({"columns": ["Mail"]}, "columns"),
        ({"ignore": "Mail"}, "ignore"),
        ({"ignore": ["Nope"]}, "ignore.0"),
        ({"ignore": ["Mail"], "columns": {"Mail": "email"}}, "columns.[0]"),
        ({"ignore": ["Mail"], "custom": ["Mail"]}, "custom"),
        ({"custom": "some"}, "custom"),
        ({"colunms": {}}, "[0]"),
        ({"label": {"colum": "Won"}}, "label.[0]"),
        ({"label": {"column": "Nope"}}, "label.column"),
        ({"label": {"column": ["Won"]}}, "label.column"),
        ({"label": {"column": "Won", "positive": "yes"}}, "label.positive"),
        ({"label": {"column": "Won", "positive": ["yes"], "negative": ["YES "]}}, "label.negative"),
        ({"label": {"column": "Won"}, "columns": {"Won": "stage"}}, "label.column"),
        ({"label": {"column": "Won"}, "columns": {"Mail": "label"}}, "label.column"),
        ({"label": "Won"}, "label"),
        ({"label": {"closes": "no"}}, "label.closes"),
        ({"defaults": {"timezone": "Mars"}}, "defaults.timezone"),
        ({"defaults": {"date_order": "ymd"}}, "defaults.date_order"),
        ({"defaults": {"encoding": "klingon"}}, "defaults.encoding"),
        ({"defaults": {"encoding": "base64"}}, "defaults.encoding"),
        ({"defaults": {"encoding": "utf-8\0"}}, "defaults.encoding"),
        ({"defaults": {"lead_type": "wizard"}}, "defaults.lead_type"),
        ({"defaults": {"source_system": True}}, "defaults.source_system"),
        ({"missing": {"values": [1.5]}}, "missing.values"),
        ({"identity": {"row_number": 1}}, "identity.row_number"),
        ({"identity": {"row_number": True}}, "identity.row_number"),
    ],
)
def test_wrong_mappings_name_their_place(mapping, where):
    assert place(["ID", "Mail", "Won", "Email"], mapping, "generic") == where


def test_unknown_profiles_are_refused():
    assert place(["ID"], profile="excel") == "profile"
    assert place(["ID"], profile="../secrets") == "profile"


def test_a_header_that_is_there_twice_after_reduction_cannot_be_mapped():
    assert place(["ID", "E-mail", "E mail"], {"columns": {"EMAIL": "email"}}) == "columns.[0]"
    plan = planning.plan_columns(["ID", "E-mail", "E mail"], mapping={"columns": {"E mail": "email"}})
    assert plan.mapped["E mail"] == "email"


@pytest.mark.parametrize("header", [["Hobby"], ["phone"], ["first_name", "last_name"]])
def test_files_that_cannot_tell_who_is_who_are_refused_at_once(header):
    assert place(header) == "columns"


def test_row_numbers_stand_in_for_ids():
    assert planning.plan_columns(["Hobby"], mapping={"identity": {"row_number": True}}).custom == ["Hobby"]


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"[columns\n", "line 1"), (b"\xff", "UTF-8"), (b'a = "x"\na = "y"\n', "line 2"), (None, "cannot be read")],
)
def test_mapping_files_that_cannot_be_read(tmp_path, content, word):
    path = tmp_path / "mapping.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MappingRejected, match=word):
        mapping_file.load_mapping(path)


def test_the_plan_and_the_defaults_survive_json():
    mapping = {"label": {"column": "Won", "positive": ["J"]}, "missing": {"values": ["Select"]}, "ignore": ["x"]}
    plan = planning.plan_columns(["ID", "Won", "x", "y", ""], "generic", mapping)
    assert column_plan.ColumnPlan.load(json.loads(json.dumps(plan.dump()))) == plan
    defaults = mapping_file.file_defaults(
        {"defaults": {"date_order": "mdy"}}, timezone="America/Chicago", sha256="ab" * 32
    )
    assert (defaults.timezone, defaults.date_order, defaults.file) == ("America/Chicago", "mdy", "ab" * 6)
    assert mapping_file.FileDefaults.load(json.loads(json.dumps(defaults.dump()))) == defaults


def test_profiles_speak_of_canonical_columns_and_no_header_means_two():
    for profile in ("canonical", "generic"):
        assert {name for names in lead_schema.KINDS.values() for name in names} <= set(
            {*export_profiles.load_profile(profile).columns, "email_or_phone"}
        )
    for profile in map(export_profiles.load_profile, export_profiles.profile_names()):
        assert all(
            lead_schema.belongs_to(name, profile.subject) and lead_schema.column_kind(name) for name in profile.columns
        )
        words = [word for words in profile.columns.values() for word in words]
        assert sorted(words) == sorted(set(words)), profile.name


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_example_mappings_are_valid(path):
    mapping = mapping_file.load_mapping(path)
    subject = "events" if "kind" in mapping.get("defaults", {}) else "leads"
    label = [mapping["label"]["column"]] if "label" in mapping else []
    ignore = mapping.get("ignore", [])
    header = [*mapping.get("columns", ["Contact ID"]), *ignore, *label]
    plan = planning.plan_columns(header, "auto", mapping, subject=subject)
    assert ("label" in plan.mapped.values()) is bool(label)
    assert set(plan.ignored) == set(ignore)
