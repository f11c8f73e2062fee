"""What a column means, where a header alone does not say it."""

import doctest

import pytest

from tasks.intake.csv import sniffing
from tasks.intake.csv.columns import export_profiles, header_words, lead_schema, planning
from tasks.intake.errors import MappingRejected


def meanings(header, rows=(), **options):
    plan = planning.plan_columns(header, sample=rows, **options)
    return {column.header: column.name or column.role for column in plan.columns}


def by_rank(header, name, rows=()):
    plan = planning.plan_columns(header, sample=rows)
    found = [(column.rank, column.header) for column in plan.columns if column.name == name]
    return [header for _, header in sorted(found)]


# --- words of headers


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Person - Email - Work", "email"),
        ("email_from", "email"),
        ("Correo electrónico", "email"),
        ("Adresse e-mail", "email"),
        ("E-Mail (privat)", "email"),
        ("Phone number (recommended)", "phone"),
        ("whatsapp", "phone"),
        ("Teléfono móvil", "phone"),
        ("Nº de celular", "phone"),
        ("Handynummer", "phone"),
        ("Email / Phone", "email_or_phone"),
    ],
)
def test_words_name_the_lead_s_own_addresses(header, name):
    assert meanings(["ID", header])[header] == name


@pytest.mark.parametrize(
    "header",
    [
        "Agent Email",
        "Owner phone",
        "Company Phone",
        "Spouse mobile",
        "Referred by (email)",
        "Assigned To Email",
        "Emergency phone",
        "Email Status",
        "Phone 1 - Type",
        "Fax",
        "Correo del agente",
    ],
)
def test_the_address_of_somebody_else_is_never_the_lead_s(header):
    rows = [["1", "ann@example.com"], ["2", "bob@example.com"]]
    assert meanings(["ID", header], rows)[header] == "custom"


def test_columns_of_one_meaning_count_where_those_before_are_blank(importer):
    text = "ID,Phone,Mobile,Email,Secondary Email,Last Name\n1,,305-555-0102,,b@example.com,Lee\n"
    (draft,) = importer.take(text).drafts
    assert draft.contact == {"phone": "+13055550102", "email": "b@example.com", "last_name": "Lee"}


def test_a_cell_that_cannot_be_read_gives_way_to_the_next_column(importer):
    intake = importer.take("ID,Phone,Mobile\n1,none yet,305-555-0102\n2,305-555-0103,305-555-0104\n")
    assert [draft.contact["phone"] for draft in intake.drafts] == ["+13055550102", "+13055550103"]
    assert intake.codes == [("warning", "value.phone")]


def test_a_mapping_may_name_several_columns_of_addresses_in_its_order(importer):
    mapping = {"columns": {"B": "email", "A": "email"}}
    intake = importer.take("ID,A,B\n1,a@example.com,b@example.com\n2,c@example.com,\n", mapping)
    assert [draft.contact["email"] for draft in intake.drafts] == ["b@example.com", "c@example.com"]


def test_a_column_of_either_gives_what_is_in_it(importer):
    intake = importer.take("ID,Email / Phone\n1,a@example.com\n2,305-555-0102\n")
    assert [draft.contact for draft in intake.drafts] == [{"email": "a@example.com"}, {"phone": "+13055550102"}]


# --- values


def test_values_speak_where_no_header_does():
    rows = [["1", "ann@example.com", "(305) 555-0101"], ["2", "bob@example.com", "305-555-0102"]]
    assert meanings(["ID", "Reach me", "Ring"], rows) == {"ID": "external_id", "Reach me": "email", "Ring": "phone"}


def test_values_are_silent_where_the_file_has_such_a_column():
    rows = [["a@example.com", "ann@example.com"], ["b@example.com", "bob@example.com"]]
    assert meanings(["Email", "Reach me"], rows)["Reach me"] == "custom"


@pytest.mark.parametrize("header", ["Reach me", "Last edited by", "Bearbeitet von"])
def test_the_same_address_again_and_again_is_that_of_somebody_who_works_there(header):
    assert meanings(["ID", header], [[str(n), "agent@example.com"] for n in range(3)])[header] == "custom"


@pytest.mark.parametrize("header", ["Created by", "Creado por", "Bearbeitet von"])
def test_who_wrote_a_row_is_not_its_lead(header):
    assert meanings(["ID", header], [["1", "ann@example.com"]])[header] == "custom"


def test_rows_that_were_not_parted_are_no_addresses():
    with pytest.raises(MappingRejected):
        meanings(["Leads of May"], [["1;ann@example.com;Ann"], ["2;bob@example.com;Bob"]])


def test_a_sign_or_a_neutral_word_is_another_column_of_the_lead():
    rows = [["305-555-0101", "305-555-0102"]] * 2
    assert by_rank(["ID", "Phone", "☎ Contact"], "phone", [["1", *row] for row in rows]) == ["Phone", "☎ Contact"]


def test_digits_called_ids_are_no_phone_numbers():
    rows = [[f"305555{number:04}"] for number in range(101, 110)]
    assert meanings(["Email", "MLS number"], [["a@example.com", *row] for row in rows])["MLS number"] == "custom"


def test_a_time_column_of_words_is_an_attribute_and_says_so():
    rows = [[str(n), "Email Opened"] for n in range(6)]
    plan = planning.plan_columns(["ID", "Last Activity"], sample=rows)
    assert plan.custom == ["Last Activity"]
    assert [issue.severity for issue in plan.warnings] == ["info"]


@pytest.mark.parametrize(
    ("header", "cells", "name"),
    [
        (["contact_name", "name"], ["Ann Lee", "Two condos"], "custom"),
        (["ID", "Name"], ["1", "Fair_2-26_Ann"], "custom"),
        (["ID", "Name"], ["1", "Ann Lee"], "full_name"),
        (["Vorname", "Name"], ["Ann", "Lee"], "last_name"),
        (["Apellidos", "Nombre"], ["Lee", "Ann"], "first_name"),
        (["First Name", "Name"], ["Ann", "Ann Lee"], "full_name"),
    ],
)
def test_a_column_called_name(header, cells, name):
    assert meanings([*header, "Email"], [[*cells, "a@example.com"]] * 3)[header[1]] == name


# --- profiles


@pytest.mark.parametrize("profile", export_profiles.profile_names("leads"))
def test_every_profile_knows_what_every_system_writes(profile):
    common, own = export_profiles.load_profile("generic"), export_profiles.load_profile(profile)
    claimed = {*own.ignore, *own.custom, *(word for words in own.columns.values() for word in words)}
    for name, words in common.columns.items():
        if lead_schema.column_kind(name) in lead_schema.CONSENT:
            continue
        for word in set(words) - claimed:
            plan = planning.plan_columns(["E-mail", word], profile)
            assert name in plan.mapped.values(), (profile, word)


@pytest.mark.parametrize("profile", export_profiles.profile_names("leads"))
def test_every_profile_can_tell_wins_and_losses(importer, profile):
    stages = ["Closed Won", "Closed Lost", "Unqualified", "Nurturing", "Archived"]
    text = "Email,Stage\n" + "".join(f"a{n}@example.com,{stage}\n" for n, stage in enumerate(stages))
    drafts = importer.take(text, profile=profile).drafts
    assert [draft.label for draft in drafts] == [True, False, False, None, None]
    assert drafts[-1].fields["opportunity_status"] == "abandoned"


def test_a_status_beside_a_stage_tells_the_end_where_the_stage_does_not(importer):
    intake = importer.take("ID,Stage,Status\n1,Lead,Converted\n2,Closed Lost,Converted\n3,Lead,Open\n")
    assert [draft.label for draft in intake.drafts] == [True, False, None]


@pytest.mark.parametrize("rows", ["1,true\n2,false\n", "1,Closed\n2,New\n"])
def test_what_looks_like_ends_and_was_not_read_is_a_warning(importer, rows):
    intake = importer.take(f"ID,closed\n{rows}")
    assert [issue.code for issue in intake.plan.warnings] == ["label.unread"]
    assert "[label]" in intake.plan.warnings[0].message


def test_a_mapping_says_what_an_end_is(importer):
    mapping = {"words": {"stage": {"lost": ["Closed"]}}, "outcomes": {"lost": "lost", "Unqualified": "open"}}
    intake = importer.take("ID,Stage\n1,Closed\n2,Unqualified\n3,Lost\n", mapping)
    assert [draft.fields.get("opportunity_status") for draft in intake.drafts] == ["lost", "open", "lost"]


# --- who they are


def test_a_file_that_names_nobody_is_known_by_its_rows(importer):
    intake = importer.take("age;job;y\n" + "".join(f"{30 + n};cook;{'yes' if n % 2 else 'no'}\n" for n in range(6)))
    assert [draft.label for draft in intake.drafts] == [False, True] * 3
    assert len({draft.external_id for draft in intake.drafts}) == 6
    assert [issue.code for issue in intake.plan.warnings] == ["file.no_identity"]


@pytest.mark.parametrize("header", [["Name", "Hobby"], ["First Name", "Hobby"], ["Deal ID", "Hobby"]])
def test_a_file_of_people_without_anything_to_know_them_by_is_refused(header):
    with pytest.raises(MappingRejected, match="no column identifies a lead"):
        planning.plan_columns(header, sample=[["Ann", "chess"]])


@pytest.mark.parametrize(
    ("header", "row", "number"),
    [
        ("ID,Phone,Country", "1,8125550102,Mexico", "+528125550102"),
        ("ID,Phone,country_id/id", "1,(81) 2555-0101,base.mx", "+528125550101"),
        ("ID,Phone,ISD Code", "1,98000 00001,+91", "+919800000001"),
        ("ID,Phone,Country", "1,305-555-0101,", "+13055550101"),
    ],
)
def test_a_country_or_a_dialling_code_decides_how_its_row_s_numbers_are_read(importer, header, row, number):
    assert importer.take(f"{header}\n{row}\n").drafts[0].contact["phone"] == number


@pytest.mark.parametrize("module", [header_words, sniffing])
def test_examples(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    "header",
    [
        "Cónyuge E-mail",
        "Closer Email",
        "Buyer 2 Email",
        "Second Buyer Phone",
        "E-mail vendedor",
        "To Phone",
        "From Phone",
        "Responsable",
        "Ansprechpartner",
        "Captador",
    ],
)
def test_values_do_not_make_somebody_else_the_lead(header):
    cell = "305-555-0199" if "Phone" in header else "zed@example.com"
    rows = [["Ann Lee", "305-555-0101", cell]]
    meant = meanings(["Name", "ID", header], [[name, "1", own] for name, _, own in rows])[header]
    assert meant not in ("email", "phone", "email_or_phone"), meant


def test_a_second_contact_s_columns_are_not_the_lead_s():
    header = ["Id", "Email", "Phone", "Contact2 First Name", "Contact2 Email"]
    assert meanings(header)["Contact2 Email"] == "custom"


def test_a_plan_can_be_read_by_workers_of_the_version_before():
    plan = planning.plan_columns(["Id", "Email", "Email 2", "Email / Phone"])
    stored = plan.dump()
    assert stored["columns"] == [
        ["Id", "canonical", "external_id"],
        ["Email", "canonical", "email"],
        ["Email 2", "custom", None],
        ["Email / Phone", "custom", None],
    ]
    assert type(plan).load(stored).columns == plan.columns
    del stored["ranks"]
    assert [column.role for column in type(plan).load(stored).columns] == ["canonical", "canonical", "custom", "custom"]
