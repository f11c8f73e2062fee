"""Small exports with the headers and habits of many systems, and what must become of each row. All data is invented.

A case stands for a kind of input. To add one: an id, the text of the file, and for each row that is taken what it must
hold; `None` for a row that is not taken, in the order of the file.
"""

from __future__ import annotations

import pytest

from db.consent import draft_view

ADA, BEN, CLEO = "ada@example.com", "ben@example.com", "cleo@example.com"
ANN, BOB, CAL = "+13055550101", "+13055550102", "+13055550103"


def seen(draft):
    """Return what a draft says, flat: contact, fields, consent, `label`; times as dates."""
    fields = {name: getattr(value, "date", lambda value=value: value)() for name, value in draft.fields.items()}
    consent = {name: value for name, value in draft_view(draft).items() if not name.endswith("_at")}
    doubts = {name: True for name in draft_view(draft) if name.startswith("doubt_")}
    plain = {name: str(value) if hasattr(value, "year") else value for name, value in fields.items()}
    named = {"id": draft.external_id, "system": draft.source_system, "label": draft.label}
    return {**draft.contact, **plain, **consent, **doubts, **named, "custom": draft.custom}


# id -> text, rows: what must be so; a value of None: nothing may stand there
CASES = {
    # --- a second person is not the lead
    "co-buyer": (
        (
            "Client Name,Co-Buyer,Co-Buyer Email,Co-Buyer Phone,Email(s),Best Number\n"
            f"Ada Moor,Al Moor,al@example.com,305-555-0901,{ADA},305-555-0101\n"
            "Ben Oak,Bea Oak,bea@example.com,305-555-0902,,305-555-0102\n"
        ),
        [{"email": ADA, "phone": ANN}, {"email": None, "phone": BOB, "last_name": "Oak"}],
    ),
    "second person by name": (
        (
            "Contact Id,Primary First Name,Primary Last Name,Secondary First Name,Primary Email,Secondary Email,"
            "Primary Mobile Phone,Secondary Mobile Phone\n"
            "T1,Ada,Moor,Al,,al@example.com,,305-555-0901\n"
        ),
        [{"first_name": "Ada", "last_name": "Moor", "email": None, "phone": None}],
    ),
    "second address of the lead": (
        f"ID,First Name,Last Name,Email,Secondary Email\n1,Ada,Moor,,{ADA}\n",
        [{"email": ADA}],
    ),
    "agent, lender, relation, spouse": (
        (
            "ID,First Name,Last Name,Agent Email,Loan Officer Phone,Relationship 1 Email 1,"
            "What is your spouse's phone number?\n"
            "1,Ada,Moor,q@example.org,305-555-0901,al@example.com,305-555-0902\n"
        ),
        [{"email": None, "phone": None, "last_name": "Moor"}],
    ),
    # --- names
    "parts of a name by words": (
        f"id,primary_contact_first_name,primary_contact_last_name,email\n1,Ada,Moor,{ADA}\n",
        [{"first_name": "Ada", "last_name": "Moor"}],
    ),
    "nombre beside apellidos": (
        f"ID;Nombre;Apellidos;Correo\n1;Ana María;López Ruiz;{ADA}\n2;Benito;Roble;{BEN}\n",
        [{"first_name": "Ana María", "last_name": "López Ruiz"}, {"first_name": "Benito"}],
    ),
    "a title is no name": (
        (
            "ID,Lead Name,First Name,Last Name,Email\n"
            f"1,Website form Elm St,Ada,Moor,{ADA}\n2,Inbound call,Ben,Oak,{BEN}\n"
        ),
        [{"full_name": None, "first_name": "Ada"}, {"full_name": None}],
    ),
    "a mailbox": (
        (
            "Deal ID,Deal Name,Deal Stage,Associated Contact\n"
            f"7,Elm St condo,Closed Won,Ada Moor ({ADA})\n8,Oak duplex,Closed Lost,{BEN}\n"
        ),
        [
            {"email": ADA, "last_name": "Moor", "label": True, "system": "hubspot_deals"},
            {"email": BEN, "full_name": None, "label": False},
        ],
    ),
    "a column of clients": (
        "Client,Phone,Customer\nAda Moor,305-555-0101,yes\nBen Oak,305-555-0102,no\n",
        [{"last_name": "Moor", "phone": ANN, "custom": {"Customer": "yes"}}, {"last_name": "Oak"}],
    ),
    # --- forms
    "questions": (
        (
            "Timestamp,Email Address,What is your full name?,What is your phone number?,What's your price range?,"
            "Are you looking to buy or sell?,When do you plan to move?,May we contact you by text message?\n"
            f'1/31/2026 10:00:00,{ADA},Ada Moor,305-555-0101,"$400,000 - $500,000",Buy,0-3 months,No\n'
        ),
        [
            {"last_name": "Moor", "phone": ANN, "budget_max": 500_000.0, "lead_type": "buyer", "timeline": "0-3"}
            | {"created_at": "2026-01-31", "opt_in_sms": False},
        ],
    ),
    "lead form of a search engine": (
        (
            "Lead ID,Form ID,GCLID,Ad Group ID,Full name,User email,User phone,Submission date\n"
            f"L1,2,x,3,Ada Moor,{ADA},+13055550101,2026-01-31 10:00:00\n"
        ),
        [{"id": "L1", "system": "google_ads", "email": ADA, "phone": ANN, "created_at": "2026-01-31"}],
    ),
    "lead form of a video site": (
        (
            "lead_id,lead_create_time,ad_id,adgroup_id,adgroup_name,form_id,Name,Email,Phone number\n"
            f"7,2026-01-31 23:00:00(UTC-5),1,2,FL,3,Ada Moor,{ADA},+13055550101\n"
        ),
        [{"id": "7", "system": "tiktok", "created_at": "2026-02-01"}],
    ),
    # --- ends
    "ends in parts of a stage": (
        (
            "ID,Email,Status\n"
            f"1,{ADA},CUSTOMER-Closed Won\n2,{BEN},Lost - No Response\n"
            f"3,{CLEO},Closed-Lost to Competition\n4,d@example.com,Closed - Duplicate\n"
        ),
        [{"label": True}, {"label": False}, {"label": False}, {"label": None}],
    ),
    "a reason of loss without a status": (
        f"ID,Email,Stage,Lost Reason\n1,{ADA},Visit,Too expensive\n2,{BEN},Visit,\n",
        [{"label": False}, {"label": None}],
    ),
    "a reason of loss beside an open status": (
        f"ID,Email,Opportunity Status,Lost Reason\n1,{ADA},open,Too expensive\n2,{BEN},won,\n",
        [{"label": None}, {"label": True}],
    ),
    "converted beside a status": (
        f"ID,Email,Status,Converted\n1,{ADA},Converted,1\n2,{BEN},New,0\n3,{CLEO},Dead,0\n",
        [{"label": True}, {"label": None}, {"label": False}],
    ),
    "converted alone": (f"ID,Email,Converted\n1,{ADA},1\n2,{BEN},0\n", [{"label": True}, {"label": False}]),
    "archived opportunities": (
        (
            "External ID,Contact Name,Email,Salesperson,Stage,Expected Revenue,Active\n"
            f"o1,Ada Moor,{ADA},Quill,Won,450000.0,True\no2,Ben Oak,{BEN},Quill,New,1.0,False\n"
            f"o3,Cleo Ash,{CLEO},Quill,New,1.0,True\n"
        ),
        [{"label": True, "deal_value": 450_000.0}, {"label": False}, {"label": None}],
    ),
    "the close of an open deal lies ahead": (
        (
            "Opportunity ID,Opportunity Owner,Opportunity Name,Stage,Close Date,Contact: Email\n"
            f"006A,Quill,Elm,Prospecting,2027-05-30,{ADA}\n"
        ),
        [{"id": "006A", "closed_at": None, "full_name": None, "label": None, "issues": []}],
    ),
    "won? and lost?": (
        f"ID,Email,Stage,Won?,Lost?\n1,{ADA},Offer,Yes,\n2,{BEN},Offer,,Yes\n3,{CLEO},Offer,,\n",
        [{"label": True}, {"label": False}, {"label": None}],
    ),
    # --- refusals
    "where mails are sent is no consent": (
        f"ID,Email,Mailing State/Province,Mailing Address\n1,{ADA},FL,1 Elm St\n",
        [{"doubt_email_at": None, "opt_in_email": None, "issues": []}],
    ),
    "wishes of a form": (
        f"Email,Can we text you?,Aceita receber ligações\n{ADA},0,Sim\n{BEN},1,Não\n",
        [{"opt_in_sms": False, "opt_in_call": True}, {"opt_in_sms": True, "opt_in_call": False}],
    ),
    "allow and do not allow": (
        f"Email,Do not allow Emails,Do not allow Phone Calls\n{ADA},Allow,Allow\n{BEN},Do Not Allow,Allow\n",
        [{"dnd_email": False, "dnd_call": False}, {"dnd_email": True, "dnd_call": False, "issues": []}],
    ),
    "german": (
        f"Kundennummer;E-Mail;Werbesperre\n1;{ADA};Nein\n2;{BEN};Ja\n",
        [{"dnd_all": False}, {"dnd_all": True}],
    ),
    "complaints": (
        f"Email,Marked email as spam,EmailStatus\n{ADA},true,\n{BEN},false,ReportedAsSpam\n{CLEO},false,\n",
        [{"dnd_email": True}, {"dnd_email": True}, {"dnd_email": False}],
    ),
    "a kind of phone is no consent": (
        f"id,email,primary_contact_primary_phone_type,primary_contact_primary_email_type\n1,{ADA},mobile,office\n",
        [{"doubt_call_at": None, "doubt_email_at": None, "issues": []}],
    ),
    "when to call is no consent": (
        f"id,email,When can we call you?\n1,{ADA},mornings\n",
        [{"doubt_call_at": None, "custom": {"When can we call you?": "mornings"}}],
    ),
    "an opt-in of mails opens mails only": (
        (
            "Email Address,MEMBER_RATING,OPTIN_TIME,LEID,EUID,UNSUB_TIME,UNSUB_REASON,CLEAN_TIME\n"
            f"{ADA},2,2026-01-10 10:00:00,1,e1,,,\n{BEN},2,2026-01-10 10:00:00,2,e2,2026-02-10 10:00:00,NORMAL,\n"
            f"{CLEO},2,,3,e3,,,2026-02-10 10:00:00\n"
        ),
        [
            {"opt_in_email": True, "opt_in_all": None, "system": "mailchimp"},
            {"dnd_email": True, "opt_in_email": None, "opt_in_all": None, "issues": []},
            {"dnd_email": True},
        ],
    ),
    "blacklists": (
        (
            "CONTACT ID;EMAIL;SMS;LANDLINE_NUMBER;BLACKLIST;SMS_BLACKLIST;OPT_IN;ADDED_TIME\n"
            f"41;{ADA};13055550101;;0;0;1;10-01-2026 10:00:00\n"
            f"42;{BEN};;3055550102;1;0;0;31-01-2026 10:00:00\n"
            f"43;{CLEO};;;0;1;;31-01-2026\n"
        ),
        [
            {"phone": ANN, "opt_in_email": True, "opt_in_all": None, "created_at": "2026-01-10"},
            {"phone": BOB, "dnd_all": True},
            {"dnd_sms": True, "dnd_all": False},
        ],
    ),
    "a child row with a refusal": (
        (
            f"ID,Email,ID (Notes),Note (Notes)\n1,{ADA},n1,called\n"
            f',,n2,"called again, do not call"\n,,n3,sent a letter\n2,{BEN},,\n'
        ),
        [{"id": "1"}, None, None, {"id": "2"}],
    ),
    # --- reports and boards
    "a report with padded titles, subtotals and closing lines": (
        (
            "Leads of May,,,,,,\nAs of 2026-05-01,Generated by Quill,,,,,\n,,,,,,\n"
            "Lead ID,Lead Owner,Name,Email,Lead Status,Lead Source,Amount\n"
            f'1,Quill,Ada Moor,{ADA},New,Web,"USD 800,000.00"\nSubtotal,Count: 1,,,,,"USD 800,000.00"\n'
            f"2,Rae,Ben Oak,{BEN},New,Web,1\nTotal (2),,,,,,\n,,,,,,\nConfidential Information,,,,,,\n"
        ),
        [{"id": "1"}, None, {"id": "2"}, None, None, None],
    ),
    "a board that repeats its header": (
        (
            f"Leads,,,,\nNew,,,,\nName,Owner,Status,Email,Phone\nAda Moor,Quill,Qualified,{ADA},305-555-0101\n,,,,\n"
            f"Name,Owner,Status,Email,Phone\nBen Oak,Quill,Unqualified,{BEN},\n"
        ),
        [{"email": ADA, "assigned_to": "Quill"}, None, {"email": BEN, "label": False}],
    ),
    "notes above the header": (
        (
            "Notes:\nMost rows have no address because people hide it\n\n"
            f"First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
            f"Ada,Moor,https://example.com/in/ada,{ADA},,,10 Jan 2026\n"
            "Ben,Oak,https://example.com/in/ben,,,,11 Jan 2026\n"
        ),
        [{"email": ADA}, {"id": "https://example.com/in/ben", "last_name": "Oak", "system": "linkedin"}],
    ),
    # --- whose ids these are
    "a deal's id is no person's": (
        (
            "Deal - ID,Deal - Title,Deal - Contact person,Deal - Status,Deal - Stage,Person - Email\n"
            f"301,Elm St,Ada Moor,Won,Offer,{ADA}\n302,Oak,Ben Oak,Lost,Offer,{BEN}\n"
        ),
        [{"id": "301", "system": "pipedrive_deals", "label": True}, {"label": False, "last_name": "Oak"}],
    ),
    "few common headers are no system": (
        f"Contact ID,Email,Last Activity\n1,{ADA},2026-01-10\n",
        [{"system": "csv"}],
    ),
    "an id of forty characters": (
        (
            "(Do Not Modify) Lead,(Do Not Modify) Row Checksum,Name,Topic,Status,Budget Amount\n"
            '0f8fad5b-d9cb-469f-a165-70867728950e,x==,Ada Moor,Elm St condo,Disqualified,"$450,000.00"\n'
        ),
        [
            {
                "id": "0f8fad5b-d9cb-469f-a165-70867728950e",
                "full_name": "Ada Moor",
                "label": False,
                "budget_max": 450_000.0,
            }
        ],
    ),
    # --- kinds of values
    "units behind headers": (
        f"ID,Email,Min Price (AED),Budget (€)\n1,{ADA},90000,120000\n",
        [{"budget_min": 90_000.0, "budget_max": 120_000.0}],
    ),
    "dates of the file's other columns": (
        f"Email,Register Date,Last Touch\n{ADA},1/10/2026,2/1/2026\n{BEN},1/31/2026,\n",
        [{"created_at": "2026-01-10", "last_contacted_at": "2026-02-01"}, {"created_at": "2026-01-31"}],
    ),
    "what every contact is": (
        f"ID,Email,Contact Type\n1,{ADA},Lead\n2,{BEN},Seller\n",
        [{"lead_type": None, "issues": []}, {"lead_type": "seller"}],
    ),
    "blanks of choice lists": (
        f"ID,Email,Lead Source,Lead Status\n1,{ADA},-None-,--None--\n",
        [{"source": None, "stage": None}],
    ),
    "a zone with words for signs": (
        f"ID,Email,Time Zone\n1,{ADA},america_slash_new_york\n",
        [{"timezone": "America/New_York", "issues": []}],
    ),
    # --- row by row
    "the first that is filled": (
        (
            "ID,First Name,Last Name,Mobile,Work phone,Home phone,Work e-mail,"
            "Home e-mail,Responsible person,Repeat lead,Opportunity\n"
            f"1,Ada,Moor,,+13055550101,,,{ADA},Quill,N,450000.00\n"
        ),
        [{"phone": ANN, "email": ADA, "assigned_to": "Quill", "deal_value": 450_000.0}],
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_a_kind_of_export(importer, text, expected):
    intake = importer.take(text)
    rows = [row for row in intake.rows if not (row.issues and row.issues[0].code == "row.blank")]
    for row, wanted in zip(rows, expected, strict=False):
        assert (row.draft is None) == (wanted is None), row.issues
        if wanted is not None:
            found = seen(row.draft) | {"issues": [issue.code for issue in row.issues]}
            assert {name: found.get(name) for name in wanted} == wanted
    assert sum(row.draft is not None for row in rows) == sum(wanted is not None for wanted in expected)


def test_a_refusal_below_a_lead_is_never_passed_over_in_silence(importer):
    text, _ = CASES["a child row with a refusal"]
    assert importer.take(text).codes == [("error", "consent.not_understood"), ("info", "row.child")]


def test_a_no_for_calls_closes_calls_where_a_profile_knows_the_consent_of_mails(importer):
    header = "Record ID,Email,Lifecycle Stage,Original Traffic Source,Marketing contact status,Opted out of calls"
    (draft,) = importer.take(f"{header}\n1,{ADA},Lead,Web,Marketing contact,yes\n").drafts
    assert draft_view(draft) == {"opt_in_email": True, "dnd_call": True}
