"""Profiles: whose file this is, and what its columns and words mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from db.consent import draft_view
from ml.features import events as known
from tasks.intake.csv.columns import export_profiles, lead_schema, planning
from tasks.intake.errors import MappingRejected
from tasks.intake.values import vocabulary

HEADERS = {
    "ghl_contacts": "Contact Id,First Name,Last Name,Name,Phone,Email,Created,Last Activity,Tags",
    "ghl_opportunities": (
        "Opportunity name,Contact Name,phone,email,pipeline,stage,Lead Value,source,assigned,Created on,Updated on,"
        "lost reason ID,lost reason name,Followers,Notes,tags,Engagement score,status"
    ),
    "kvcore": (
        "First Name,Last Name,Email,Cell Phone 1,Cell Phone 2,Lead Type,Lead Status,Source,Date Registered,Hashtags"
    ),
    "followupboss": (
        "ID,First Name,Last Name,Email 1,Email 1 - Type,Phone 1,Phone 1 - Type,Stage,Lead Source,Assigned To,"
        "Is Contacted,Price,Tags,Date Added"
    ),
    "hubspot": (
        "Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Lifecycle Stage,Lead Status,Create Date,"
        "Last Activity Date,Original Source,Unsubscribed from all email,State/Region"
    ),
    "salesforce": (
        "Lead ID,First Name,Last Name,Email,Phone,Company / Account,Lead Owner,Lead Status,Lead Source,Converted,"
        "Converted Date,Created Date,Do Not Call,Email Opt Out"
    ),
    "google_contacts": (
        "Name,Given Name,Family Name,E-mail 1 - Type,E-mail 1 - Value,Phone 1 - Type,Phone 1 - Value,Group Membership"
    ),
    "odoo": "id,active,contact_name,email_from,mobile,phone,user_id/id,name,planned_revenue,stage_id/id",
    "pipedrive": (
        "Person - ID,Person - Name,Person - Email - Work,Person - Phone - Work,Person - Owner,Person - Person created,"
        "Person - Marketing status"
    ),
    "zoho": "Record Id,Lead Owner,First Name,Last Name,Email,Lead Status,Email Opt Out,Created Time,Last Activity Time",
    "bitrix24": "ID,Stage,Lead Name,First name,Last name,Work e-mail,Source,Responsible person,Repeat lead,Created on",
    "vtiger": "First Name,Last Name,Lead No,Primary Email,Lead Source,Lead Status,Is Converted From Lead,Created Time",
    "close": "id,display_name,status_label,date_created,primary_contact_primary_email,primary_contact_name,html_url",
    "copper": "Copper ID,Name,Email Address Work,Contact Type,Owned By,Tags,Interaction Count,Last Contacted",
    "dynamics365": "(Do Not Modify) Lead,(Do Not Modify) Row Checksum,Name,Topic,Status Reason,Email,Owner,Created On",
    "freshsales": "Contact id,First name,Emails,Work,Mobile,Status,Sales owner,Last contacted mode,Subscription types",
    "hubspot_deals": "Record ID,Deal Name,Deal Stage,Deal owner,Amount,Pipeline,Close Date,Associated Contact",
    "pipedrive_deals": "Deal - ID,Deal - Title,Deal - Contact person,Deal - Stage,Deal - Status,Person - Email",
    "salesforce_opportunities": "Opportunity Owner,Opportunity Name,Account Name,Stage,Close Date,Contact: Email",
    "mailchimp": "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,LAST_CHANGED,LEID,EUID,TAGS",
    "brevo": "CONTACT ID,EMAIL,FIRSTNAME,LASTNAME,SMS,LANDLINE_NUMBER,BLACKLIST,OPT_IN,ADDED_TIME",
    "linkedin": "First Name,Last Name,URL,Email Address,Company,Position,Connected On",
    "tiktok_leads": "lead_id,lead_create_time,campaign_name,adgroup_id,adgroup_name,ad_id,form_id,Name,Email",
    "google_leads": "Lead ID,Form ID,Campaign ID,Ad Group ID,GCLID,Full name,User email,User phone,Submission date",
    "sierra": "LeadID,FirstName,LastName,Email,EmailStatus,Phone,PhoneStatus,LeadStatus,TotalFavorites,CreationDate",
    "boomtown": "Contact ID,First Name,Last Name,Email,Cell,Lead Category,Agent,Source,Register Date,E-Alert",
    "realgeeks": "id,First Name,Last Name,Email,Phone,Status,Urgency,Role,Source,Source Details,Assigned To,Created",
    "cinc": "First Name,Last Name,Email,Cell Phone,Buyer/Seller,Pipeline,Primary Agent,Registered Date,Favorite City",
    "lofty": "Lead ID,First Name,Last Name,Primary Email,Pipeline,Cannot Text,Cannot Call,Cannot Email,Last Touch",
    "meta_leads": "id,created_time,ad_id,ad_name,form_id,is_organic,platform,email,full_name,phone_number,lead_status",
    "canonical": "external_id,email,phone,first_name,last_name,stage,source,created_at,opportunity_status",
    "generic": "Lead ID,Name,E-mail Address,Lead Source,Price Range,Created Date",
}


@pytest.mark.parametrize(("profile", "header"), HEADERS.items())
def test_auto_finds_whose_export_this_is(profile, header):
    names = header.split(",")
    assert planning.plan_columns(names).profile == profile
    assert planning.plan_columns([name.upper() for name in reversed(names)]).profile == profile


def test_every_profile_is_found_by_a_header():
    assert set(HEADERS) == set(export_profiles.profile_names("leads"))
    assert export_profiles.profile_names("events") == ["events"]


@pytest.mark.parametrize(
    "header",
    [
        "ID,Created,Last Activity,Tags,Email",
        "E-mail Address,Lead Stage,Assigned To,Timeframe,Lender",
        "Email,First Name,Last Name,Phone,State,Source,Hobby,Shoe size,Car,Pets,Street,Zip,Town",
        # Two systems that show as much.
        "Email,Contact Id,Additional Emails,Cell Phone 1,Hashtags",
    ],
)
def test_what_tells_too_little_is_generic(header):
    assert planning.plan_columns(header.split(",")).profile == "generic"


def test_profiles_are_sound():
    for profile in map(export_profiles.load_profile, export_profiles.profile_names()):
        assert profile.words.keys() <= {*profile.columns}
        assert all(weight > 0 for weight in profile.marks.values())
        claimed = {word for words in profile.columns.values() for word in words}
        assert not profile.ignore & claimed
        assert set(profile.words.get("stage", {}).values()) <= set(vocabulary.STAGES)
        assert set(profile.outcomes) <= set(vocabulary.STAGES)
        assert set(profile.outcomes.values()) <= set(vocabulary.LEVELS["opportunity_status"])
        assert set(profile.defaults) <= {"source_system", "date_order"}


def test_refusals_count_under_any_header_that_the_generic_profile_knows():
    for name in export_profiles.profile_names("leads"):
        plan = planning.plan_columns(["Email", "Do Not Call", "Opted Out At"], name)
        assert name == "canonical" or {"dnd_call", "unsubscribed_at"} <= set(plan.mapped.values())


def test_several_columns_of_refusals_are_all_read(importer):
    intake = importer.take("Email,Do Not Email,Unsubscribed\na@example.com,no,yes\nb@example.com,yes,no\n")
    assert intake.plan.mapped == {"Email": "email", "Do Not Email": "dnd_email", "Unsubscribed": "dnd_email"}
    assert [draft_view(draft) for draft in intake.drafts] == [{"dnd_email": True}] * 2


def test_ghl_opportunities(importer):
    row = "Deal,Ann Lee,,ann@example.com,Buyers,Negotiation,3934,Web,Bob,2026-09-23T16:54:01.082Z,2026-10-01T00:00:00Z"
    intake = importer.take(f'{HEADERS["ghl_opportunities"]}\n{row},,too far,,"two\nlines",hot,7,lost\n')
    draft = intake.drafts[0]
    assert draft.source_system == "ghl"
    assert draft.contact["last_name"] == "Lee"
    assert draft.fields["stage"] == "Negotiation"  # the tenant's own word
    assert (draft.fields["opportunity_status"], draft.label) == ("lost", False)
    assert (draft.fields["deal_value"], draft.fields["lost_reason"]) == (3934.0, "too far")
    assert intake.plan.ignored == ["Updated on"]
    assert "Updated on" not in draft.custom


@pytest.mark.parametrize(
    ("profile", "header", "row", "stage", "status"),
    [
        ("kvcore", "Email,Cell Phone 1,Hashtags,Lead Status", "New Lead", "new", None),
        ("kvcore", "Email,Cell Phone 1,Hashtags,Lead Status", "Contract", "under_contract", None),
        ("kvcore", "Email,Cell Phone 1,Hashtags,Lead Status", "CLOSED", "closed", "won"),
        ("followupboss", "Email,Is Contacted,Pond,Stage", "A - Hot 1-3 Months", "engaged", None),
        ("followupboss", "Email,Is Contacted,Pond,Stage", "Past Client", "past_client", "won"),
        ("hubspot", "Email,hs_object_id,lifecyclestage,Lifecycle", "x", None, None),
        ("salesforce", "Email,Lead ID,Company / Account,Status", "Closed - Not Converted", "lost", "lost"),
        ("salesforce", "Email,Lead ID,Company / Account,Status", "Working - Contacted", "contacted", None),
        ("salesforce", "Email,Lead ID,Company / Account,Status", "On hold", "On hold", None),
    ],
)
def test_stages_and_outcomes(importer, profile, header, row, stage, status):
    intake = importer.take(f"{header}\na@example.com,,,{row}\n")
    assert intake.plan.profile == profile
    fields = intake.drafts[0].fields
    assert (fields.get("stage"), fields.get("opportunity_status")) == (stage, status)


def test_salesforce_leads_that_are_not_converted_are_open_until_their_status_says_otherwise(importer):
    rows = "a@example.com,,,Qualified,0\nb@example.com,,,Unqualified,0\nc@example.com,,,Qualified,1\n"
    drafts = importer.take(f"Email,Lead ID,Lead Owner,Status,IsConverted\n{rows}").drafts
    assert [draft.label for draft in drafts] == [None, False, True]


# --- words and outcomes of a mapping


def test_a_mapping_tells_words_and_outcomes(importer):
    mapping = {
        "words": {"stage": {"engaged": ["Talking"], "closed": ["Signed"]}, "lead_type": {"buyer": ["Client A"]}},
        "outcomes": {"closed": "won"},
    }
    intake = importer.take("Lead ID,Stage,Contact Type\n1,Talking,Client A\n2,SIGNED,\n3,Other,B\n", mapping)
    told = [(draft.fields["stage"], draft.fields.get("lead_type"), draft.label) for draft in intake.drafts]
    assert told == [("engaged", "buyer", None), ("closed", None, True), ("Other", "buyer", None)]


def test_a_mapping_s_words_come_before_the_profile_s(importer):
    mapping = {"words": {"stage": {"nurture": ["Client"]}}}
    header = "Email,Cell Phone 1,Hashtags,Lead Status"
    intake = importer.take(f"{header}\na@example.com,,,Client\nb@example.com,,,Contract\n", mapping)
    assert [draft.fields["stage"] for draft in intake.drafts] == ["nurture", "under_contract"]


@pytest.mark.parametrize(
    ("mapping", "where"),
    [
        ({"words": {"budget_max": {"x": ["y"]}}}, "words.budget_max"),
        ({"words": {"stage": ["x"]}}, "words.stage"),
        ({"words": {"lead_type": {"wizard": ["y"]}}}, "words.lead_type.[0]"),
        ({"words": {"kind": {"Listing View": ["y"]}}}, "words.kind.[0]"),
        ({"words": {"stage": {"new": "fresh"}}}, "words.stage.[0]"),
        ({"words": {"stage": {"new": ["a"], "closed": ["A "]}}}, "words.stage"),
        ({"words": {"utm_anything": {"x": "y"}}}, "words.[0]"),
        ({"outcomes": {"closed": "sold"}}, "outcomes.[0]"),
        ({"outcomes": {"closed": ["sold"]}}, "outcomes.[0]"),
        ({"outcomes": "won"}, "outcomes"),
        ({"defaults": {"country": "Narnia"}}, "defaults.country"),
        ({"defaults": {"kind": "Phone call"}}, "defaults.kind"),
        ({"columns": {"ID": "occurred_at"}}, "columns.[0]"),
    ],
)
def test_wrong_words_name_their_place(mapping, where):
    with pytest.raises(MappingRejected) as caught:
        planning.plan_columns(["ID", "Stage"], mapping=mapping)
    assert caught.value.place == where


# --- the order of dates


def orders(importer, cells, mapping=None, header="external_id,created_at"):
    text = "".join(f"A{n},{cell}\n" for n, cell in enumerate(cells))
    return importer.take(f"{header}\n{text}", mapping)


def test_dates_follow_the_cells_that_have_one_reading(importer):
    intake = orders(importer, ["1/2/2026", "2026-01-05", "31/1/2026", "46053", "Jan 31 2026"])
    assert intake.drafts[0].fields["created_at"] == datetime(2026, 2, 1, tzinfo=UTC)
    assert intake.codes == []
    assert [(each.code, each.column) for each in intake.plan.warnings] == [("value.date_ambiguous", "created_at")]
    assert "1 dates" in intake.plan.warnings[0].message
    assert "day first" in intake.plan.warnings[0].message


def test_where_no_cell_can_be_misread_nothing_is_said(importer):
    assert orders(importer, ["1/31/2026", "5/5/2026"]).plan.warnings == ()


@pytest.mark.parametrize("cells", [["1/2/2026"], ["1/2/2026", "31/1/2026", "1/31/2026"], ["1/2/2026", "30/2/2026"]])
def test_where_cells_disagree_or_tell_nothing_none_is_guessed(importer, cells):
    intake = orders(importer, cells)
    assert ("warning", "value.date_ambiguous") in intake.codes
    assert intake.plan.date_orders == {}


def test_the_mapping_s_order_wins_and_is_doubted_aloud(importer):
    intake = orders(importer, ["1/2/2026", "31/1/2026"], {"defaults": {"date_order": "mdy"}})
    assert intake.drafts[0].fields["created_at"] == datetime(2026, 1, 2, tzinfo=UTC)
    assert "1 dates cannot be month first" in intake.plan.warnings[0].message


def test_a_system_s_habit_holds_until_its_cells_say_otherwise(importer):
    header = "Email,Cell Phone 1,Hashtags,Date Registered"
    habit = importer.take(f"{header}\na@example.com,,,1/2/2026\n")
    assert habit.drafts[0].fields["created_at"] == datetime(2026, 1, 2, tzinfo=UTC)
    assert "as this system writes them" in habit.plan.warnings[0].message
    shown = importer.take(f"{header}\na@example.com,,,1/2/2026\nb@example.com,,,31/1/2026\n")
    assert shown.drafts[0].fields["created_at"] == datetime(2026, 2, 1, tzinfo=UTC)
    mixed = importer.take(f"{header}\na@example.com,,,1/2/2026\nb@example.com,,,31/1/2026\nc@example.com,,,1/31/2026\n")
    assert "created_at" not in mixed.drafts[0].fields


# --- events


def test_kinds_of_events_are_those_that_models_understand():
    kinds = set(export_profiles.load_profile("events").words["kind"].values())
    told = {*known.KINDS, *known.DIRECTED, *known.CANONICAL}
    assert kinds - told == {"voicemail", "contact", "stage_change", "unsubscribed", "opted_out"}


def test_event_columns_are_those_of_the_contract():
    assert set(export_profiles.load_profile("events").columns) == {
        *(name for name in lead_schema.IDENTITY if name != "email_or_phone"),
        *(name for names in lead_schema.EVENT_KINDS.values() for name in names),
    }


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (["id", "first name", "listing views"], "id"),
        (["Lead ID", "email", "first_name", "listing_views"], "Lead ID"),
        (["id", "external_id", "email", "listing_views"], "external_id"),
    ],
)
def test_an_id_is_no_attribute_in_a_file_of_canonical_names(header, found):
    read = planning.plan_columns(header)
    assert read.profile == "canonical"
    assert [header for header, name in read.mapped.items() if name == "external_id"] == [found]
