"""Short words of systems and people: columns, tags, stages, statuses and cells that say who may be contacted."""

import re

import pytest

from ml.language import consent_words
from ml.language.consent_words import (
    ALL,
    ConsentColumn,
    column_meaning,
    is_understood,
    may_mention_consent,
    read_cell,
    read_label,
    read_mark,
)

EVERYTHING, EMAIL, SMS, CALL, MAIL = (frozenset({name}) for name in ("all", "email", "sms", "call", "mail"))
RINGING, WRITTEN = frozenset({"call", "sms"}), frozenset({"email", "sms"})

REFUSING = {
    **dict.fromkeys(
        [
            *("Opt Out", "OptOut", "Opted Out", "opt_out", "Marketing Opt Out", "Messaging Opt Out", "RVM Opt Out"),
            *("Do Not Contact", "donotcontact", "DoNotContact", "Do not disturb", "DND", "dnd_all", "DND Settings"),
            *("Is Blacklisted", "is_blacklisted", "Blocklisted", "Suppressed", "Suppression List", "Robinson"),
            *("Do Not Solicit", "Do Not Market", "Ne pas contacter", "Não contatar", "No contactar", "Bloctel"),
            *("Consent Withdrawn", "Consent Revoked", "GDPR Delete", "Blocked", "Nicht kontaktieren", "Block List"),
        ],
        EVERYTHING,
    ),
    **dict.fromkeys(
        [
            *("Unsubscribe", "Unsubscribed", "Is Unsubscribed", "Unsubscribed Mode", "UNSUB_TIME", "UNSUB_REASON"),
            *("Email Opt Out", "HasOptedOutOfEmail", "doNotEmail", "Do Not Email", "email_optout", "No Emails"),
            *("Unsubscribed from all email", "Opted out of email: Marketing Information", "Do not allow Bulk Emails"),
            *("Do not allow Emails", "donotbulkemail", "Date Unsubscribed", "Désinscrit", "Abgemeldet", "Email DND"),
            *("Dado de baja", "Email Suppressions", "Newsletter Unsubscribed", "Email Blacklisted"),
        ],
        EMAIL,
    ),
    **dict.fromkeys(
        ["Opted Out of SMS", "SMS Opt Out", "Do Not Text", "Text Optout", "Stop SMS", "No Texts", "dnd_sms"],
        SMS,
    ),
    **dict.fromkeys(["Do Not Call", "DoNotCall", "donotphone", "No Calls", "No llamar", "Call DND"], CALL),
    **dict.fromkeys(["DNC", "DNC List", "Federal DNC", "phone_blacklisted", "National Do Not Call Registry"], RINGING),
    **dict.fromkeys(["Do Not Mail", "donotpostalmail"], MAIL),
}
ALLOWING = {
    **dict.fromkeys(["Consent", "Opt-In", "GDPR consent", "TCPA Consent", "OK to contact", "Marketing status"], ALL),
    **dict.fromkeys(
        ["Email Opt In", "Email Marketing Consent", "Subscription Status", "Accepts Email Marketing", "Newsletter"],
        EMAIL,
    ),
    **dict.fromkeys(["SMS Consent", "Text On", "Can Text", "OK to text", "WhatsApp Opt In", "smsoptin"], SMS),
    **dict.fromkeys(["Consent to call", "Phone On", "Call Opt In"], CALL),
}
NEITHER = [
    *("Email", "Phone", "Phone Type", "Email Status", "Contact Status", "Subject", "Options", "Option", "Contract"),
    *("Tags", "Stage", "Lead Status", "Is Contacted", "Not Contacted", "Last Contacted", "Number of Calls"),
    *("No. of calls", "Emails Opened", "Best Time to Call", "Do Not Call Before", "Unsubscribe Link", "Texts Sent"),
    *("Call Recording Consent", "Email hard bounce reason", "Adopted", "Optional notes", "Contacted", "Stop", "Note"),
    *("Communication Preference", "Receive More Updates About Our Courses", "Market Area", "Message", "Mobile"),
]


@pytest.mark.parametrize("header", REFUSING)
def test_columns_that_refuse(header: str) -> None:
    found = column_meaning(header)
    assert found is not None
    assert (found.means, set(found.channels)) == ("refusal", set(REFUSING[header]))


@pytest.mark.parametrize("header", ALLOWING)
def test_columns_that_allow(header: str) -> None:
    found = column_meaning(header)
    assert found is not None
    assert (found.means, found.channels) == ("consent", ALLOWING[header])


@pytest.mark.parametrize("header", NEITHER)
def test_columns_that_are_about_something_else(header: str) -> None:
    assert column_meaning(header) is None


@pytest.mark.parametrize("header", ["OPTIN_IP", "Consent Source", "Legal basis for processing", "Fax Opt Out"])
def test_columns_about_how_consent_was_given_are_no_attributes(header: str) -> None:
    found = column_meaning(header)
    assert found is not None
    assert found.means == "about"


MARKS = {
    **dict.fromkeys(
        [
            *("do not contact", "Do-Not-Contact", "do_not_contact", "DoNotContact", "no communication", "dnd", "DND"),
            *("opted out", "Opted-Out", "optout", "opt-out requested", "No Contact", "blacklist", "Blacklisted"),
            *("do not disturb", "Do Not Market", "no marketing", "no solicitation", "Lost - opted out", "stop", "STOP"),
            *("Closed - Do Not Contact", "Asked to be removed", "remove from list", "requested removal", "removed"),
            *("wants to be removed", "TCPA litigator", "deceased", "consent withdrawn", "gdpr: no consent"),
            *("no contactar", "ne pas contacter", "não contatar", "Keine Werbung", "leave alone", "cease and desist"),
        ],
        EVERYTHING,
    ),
    **dict.fromkeys(["do not call", "DoNotCall", "No Calls", "don't call", "calls off", "DND - Calls"], CALL),
    **dict.fromkeys(["sms opt out", "no texts", "DND SMS", "stop_texting", "STOP - sms", "No Texting"], SMS),
    **dict.fromkeys(["unsubscribed from email", "Email: opted out", "Do Not Email", "no emails"], EMAIL),
    **dict.fromkeys(["unsubscribed", "Unsub", "désabonné", "dado de baja", "spam complaint"], WRITTEN),
    **dict.fromkeys(
        [
            "DNC",
            "D.N.C.",
            "dnc list",
            "Do Not Call List",
            "Attorney/DNC",
            "wrong number",
            "email only",
            "Do not call/text",
        ],
        RINGING,
    ),
}
NO_MARKS = [
    *("website lead", "Hot lead", "buyer", "not opted out", "no answer", "no response", "no phone", "Archived", "dead"),
    *(
        "no contact in 30 days",
        "no contact made",
        "not yet contacted",
        "never contacted",
        "can't contact",
        "bad number",
    ),
    *("Do not call before 9am", "bus stop", "one stop shop", "not interested", "Do not rent", "do not sell yet"),
    *(
        "do not merge",
        "can't contact",
        "no show",
        "no call no show",
        "market report",
        "off market",
        "sms opt in",
        "newsletter",
    ),
    *("Subscribed", "consent given", "Option 2", "no longer interested", "Phone Number Disconnected", "trash"),
]


@pytest.mark.parametrize("text", MARKS)
def test_marks_that_refuse(text: str) -> None:
    assert read_mark(text).refused == MARKS[text]
    assert may_mention_consent(text)


@pytest.mark.parametrize("text", NO_MARKS)
def test_marks_that_refuse_nothing(text: str) -> None:
    assert not read_mark(text)


@pytest.mark.parametrize("text", ["no email", "consent unknown", "permission?"])
def test_marks_that_look_like_consent_and_are_not_understood(text: str) -> None:
    said = read_mark(text)
    assert said.unclear
    assert not said.refused


def test_no_mark_says_anything_that_the_cheap_look_overlooks() -> None:
    words = [*REFUSING, *ALLOWING, *NEITHER, *MARKS, *NO_MARKS]
    assert [text for text in words if read_mark(text) and not may_mention_consent(text)] == []


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        *(("Yes", True), ("TRUE", True), ("1", True), ("x", True), ("Manual", True), ("active", True), ("sí", True)),
        *(("2024-05-01", True), ("No", False), ("FALSE", False), ("0", False), ("", False), ("n/a", False)),
        *(("inactive", False), ("Subscribed", False), ("opted in", False), ("0000-00-00", False), ("não", False)),
    ],
)
def test_cells_of_a_column_that_refuses(text: str, refused: bool) -> None:
    assert bool(read_cell(ConsentColumn(means="refusal", channels=ALL), text).refused) is refused


@pytest.mark.parametrize(
    ("text", "what"),
    [
        *(("Yes", "granted"), ("Subscribed", "granted"), ("opted in", "granted"), ("confirmed", "granted")),
        *(("no", "withheld"), ("Pending", "withheld"), ("Never Subscribed", "withheld"), ("0", "withheld")),
        *(("Unsubscribed", "refused"), ("opted out", "refused"), ("do not contact", "refused")),
        *(("perhaps", "unclear"), ("Partial", "unclear")),
    ],
)
def test_cells_of_a_column_that_allows(text: str, what: str) -> None:
    about = ConsentColumn(means="consent", channels=EMAIL)
    said = read_cell(about, text)
    told = [name for name in ("granted", "withheld", "refused", "unclear") if getattr(said, name)]
    assert told == [what]
    assert getattr(said, what) == EMAIL


def test_a_word_that_nobody_knows_is_told_apart() -> None:
    assert [is_understood(word) for word in ("Yes", "unsubscribed", "mornings only")] == [True, True, False]


def test_long_texts_are_no_marks_and_cost_little() -> None:
    assert not read_label("do not contact " * 100)
    words = consent_words.split_words("opt" * 5_000)
    assert sum(map(len, words)) <= 4 * consent_words.LONGEST


def test_every_pattern_of_the_catalogue_is_written_as_words_are_read() -> None:
    table = consent_words._DATA
    for entry in (*table["header"], *table["label"]):
        for pattern in entry["patterns"]:
            plain = re.sub(r"<\w+>|[()\[\]|]|\b_\b", " ", pattern).split()
            assert plain == [word for word in plain if word == word.casefold() and word.isalnum()], pattern
