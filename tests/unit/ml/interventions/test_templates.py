from __future__ import annotations

import re
from dataclasses import replace

import pytest

from domain.interventions import INTERVENTIONS, SITUATIONS
from ml.interventions.catalogue import CATALOGUE
from ml.interventions.templates import action_text, all_texts, clean_name
from ml.interventions.wording.copy_check import check_copy

NAME = "Harbor Homes"
#: the letters of GSM-7 that we write: others would halve what a message holds
GSM = re.compile(r"[A-Za-z0-9 .,:;?!'&/()\-]+")
WRITTEN = all_texts(CATALOGUE, name=NAME)
BY_WRITES = {
    kind: {pair: told for pair, told in WRITTEN.items() if CATALOGUE.actions[pair[1]].writes == kind}
    for kind in ("sms", "email", "task", "note", "nothing")
}


def test_all_that_the_catalogue_can_produce_is_there() -> None:
    pairs = {(one.name, action) for one in CATALOGUE.interventions.values() for action in one.actions}
    pairs |= {(code, action) for code, decided in CATALOGUE.situations.items() for action in decided.actions}
    assert set(WRITTEN) == pairs
    assert {pair[0] for pair in WRITTEN} == {*INTERVENTIONS, *SITUATIONS}


@pytest.mark.parametrize("pair", BY_WRITES["sms"])
def test_a_text_message_says_who_writes_and_how_to_stop(pair) -> None:
    told = BY_WRITES["sms"][pair]
    assert told.title is None
    assert told.text.startswith("Harbor Homes: ")
    assert told.text.endswith(" Reply STOP to opt out.")
    assert GSM.fullmatch(told.text)


@pytest.mark.parametrize("pair", BY_WRITES["sms"])
def test_a_text_message_of_the_longest_name_fits_two_parts(pair) -> None:
    text = action_text(CATALOGUE, pair[0], CATALOGUE.actions[pair[1]], name=clean_name("W" * 90)).text
    assert len(text) <= 306


@pytest.mark.parametrize("pair", BY_WRITES["email"])
def test_an_email_has_a_subject_a_signature_and_a_way_out(pair) -> None:
    told = BY_WRITES["email"][pair]
    assert 5 < len(told.title) < 60
    assert told.text.startswith("Hello,\n\n")
    assert "reply and say so" in told.text
    assert told.text.endswith("Kind regards,\nHarbor Homes")


@pytest.mark.parametrize("pair", BY_WRITES["task"] | BY_WRITES["note"])
def test_agents_are_told_why_and_what_to_do(pair) -> None:
    told, wording = WRITTEN[pair], CATALOGUE.wording
    assert told.text == f"{wording['why'][pair[0]]} {wording['todo'][pair[1]]}"
    assert (told.title is None) == (CATALOGUE.actions[pair[1]].writes == "note")


def test_what_the_crm_writes_itself_has_no_text_of_ours() -> None:
    assert {pair[1] for pair in BY_WRITES["nothing"]} == {"reengagement_drip"}
    assert all(told.text is None and told.title is None for told in BY_WRITES["nothing"].values())


@pytest.mark.parametrize("pair", WRITTEN)
def test_nothing_personal_no_placeholder_no_figure_no_pressure(pair) -> None:
    copy = f"{WRITTEN[pair].title or ''} {WRITTEN[pair].text or ''}"
    assert not re.search(r"[{}<>\[\]@$%\d]", copy)
    assert not re.search(
        r"\b(guarantee|promise|best|free|hurry|now or never|last chance|act|limited|must|soon|rising|falling|"
        r"prices are|rates are|market is|everyone|top|number one)\b",
        copy,
        re.IGNORECASE,
    )


def test_every_pair_has_words_of_its_own() -> None:
    texts = [told.text for told in WRITTEN.values() if told.text]
    assert len(set(texts)) == len(texts)


def test_without_a_name_nobody_is_made_up() -> None:
    sms = action_text(CATALOGUE, "social_proof", CATALOGUE.actions["sms"]).text
    email = action_text(CATALOGUE, "social_proof", CATALOGUE.actions["email"]).text
    assert sms.startswith("If you are weighing your choices")
    assert email.endswith("Kind regards,\nYour real estate team")


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Harbor Homes", "Harbor Homes"),
        ("  Harbor\n\tHomes ", "Harbor Homes"),
        ("{{contact.name}} Homes", "contact.name Homes"),
        ("<b>Harbor</b>", "b Harbor /b"),
        ("", None),
        ("{{}}", None),
        ("H" * 41, "H" * 40),
    ],
)
def test_a_name_cannot_become_markup_or_a_placeholder(name, expected) -> None:
    assert clean_name(name) == expected


@pytest.mark.parametrize("name", [None, NAME])
def test_the_content_check_finds_nothing_in_all_that_hearth_writes(name) -> None:
    copies = {pair: f"{told.title or ''}\n{told.text or ''}" for pair, told in all_texts(CATALOGUE, name=name).items()}
    found = {pair: [(one.id, one.tier) for one in check_copy(copy)] for pair, copy in copies.items()}
    assert {pair: findings for pair, findings in found.items() if findings} == {}


def test_the_content_check_sees_what_a_catalogue_must_not_say() -> None:
    wording = {**CATALOGUE.wording, "opening": {**CATALOGUE.wording["opening"], "social_proof": "Adults only."}}
    spoilt = action_text(replace(CATALOGUE, wording=wording), "social_proof", CATALOGUE.actions["sms"]).text
    assert [one.tier for one in check_copy(spoilt)] == ["block"]
