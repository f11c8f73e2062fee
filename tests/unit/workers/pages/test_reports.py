"""The pages of interventions and of value: what they say first, figures with bounds, nothing foreign or loaded."""

from functools import cache

import pytest

from tests.support.pages.document import Document, can_be_heard, keeps_to_itself
from tests.support.pages.report_answers import AT, FRESH, NOTHING, PAUSE, REPORT, VALUE, told
from workers.pages import interventions, value

INTERVENTIONS = ("effect", "types", "actions", "reading")
WORTH = ("bands", "use", "effect", "money")
PAGES = {
    "first day": (interventions, NOTHING),
    "half a year": (interventions, REPORT),
    "worth nothing yet": (value, FRESH),
    "worth": (value, VALUE),
}


@cache
def shown(name):
    module, answer = PAGES[name]
    return Document(module.page(answer, at=AT))


@pytest.fixture(params=PAGES)
def document(request):
    return shown(request.param)


@pytest.mark.parametrize("name", PAGES)
def test_every_section_is_there_whatever_is_known(name):
    sections = [section.attributes["id"] for section in shown(name).all("section")]
    assert sections == list(WORTH if "worth" in name else INTERVENTIONS)
    assert all(len(shown(name).told(section).split()) > 5 for section in sections)


def test_the_verdict_and_its_reason_come_first():
    header = shown("half a year").all("header")[0].text
    assert "Too early to say The difference may still be chance" in header
    assert "points of difference in the share kept +4.1 95 % bounds: -6.6 to +14.6 points" in header
    assert "Not enough yet: 21 weeks" in shown("half a year").told("effect")


def test_a_paused_type_cannot_be_missed():
    document = shown("half a year")
    (warning,) = [element for element in document.all("div") if element.attributes.get("class") == "warn"]
    said = "Incentive offer is paused since 20 November 2026, 03:00 UTC : it does harm. Nothing of it is sent"
    assert warning.text.startswith(said)
    assert "Incentive offer Paused 400 40 24.0 % 45.0 % -21.0 points -33.0 to -8.0 points" in document.told("by-type")
    assert "warn" not in [element.attributes.get("class") for element in shown("first day").all("div")]


@pytest.mark.parametrize(
    "name, state", [("helps", "state good"), ("harms", "state bad"), ("no_difference_seen", "state")]
)
def test_good_and_bad_news_look_so(name, state):
    document = Document(interventions.page(REPORT | {"verdict": name}, at=AT))
    assert document.all("header")[0].children[2].children[0].attributes["class"].strip() == state
    assert "weeks" not in document.all("header")[0].text + document.told("effect"), "the verdict stands"


def test_before_there_is_a_plan_it_says_what_to_do():
    document = shown("first day")
    assert "hearth assess --tenant acme --all" in document.told("types")
    assert "There are no actions yet" in document.told("actions")
    assert not document.all("figure")


def test_every_difference_is_drawn_and_told():
    drawn = interventions.page_values(REPORT, at=AT).effect
    assert "all together +4.1 points, 95 % bounds -6.6 to +14.6 points" in drawn.text
    assert [word in drawn.svg for word in ("all together", "incentive offer", "social proof")] == [True] * 3


def test_a_type_without_a_difference_has_no_line_and_a_name_out_of_data_is_not_drawn():
    unknown, unmeasured = told("<b>ours</b>", 0.01, [-0.1, 0.1]), told("social_proof", 0, None)
    types = [unknown, unmeasured | {"difference": None}]
    drawn = interventions.page_values(REPORT | {"types": types}, at=AT).effect
    assert ("another type" in drawn.svg, "ours" in drawn.svg, "social proof" in drawn.svg) == (True, False, False)


def test_a_share_stands_with_its_bounds_and_its_leads():
    document = shown("worth")
    assert "Hot 41 27 65.9 % 50.5 to 78.4 %" in document.told("by-band")
    assert "of hot leads closed 66 % 95 % bounds: 50 to 78 %, of 41 leads" in document.all("header")[0].text
    assert "hot 66 %, 95 % bounds 50 % to 78 %" in document.told("bands")


def test_use_is_told_by_agent_and_not_as_a_race():
    document = shown("worth")
    assert "ada.quill 80 61 40 3 12 4 9 nobody in particular 5 0" in document.told("by-agent")
    assert "It does not show who works well" in document.told("use")


def test_money_stands_with_its_interval_and_what_it_was_made_of_or_not_at_all():
    money = shown("worth").told("money")
    assert "84,000 USD , 95 % bounds: -51,000 to 190,000 USD" in money
    assert "this may be chance" in money
    assert "Commission 0.025" in money
    assert "USD" not in shown("worth nothing yet").told("money")
    sure = VALUE | {"money": VALUE["money"] | {"low": 20.0}}
    assert "chance" not in Document(value.page(sure, at=AT)).told("money")


def test_names_out_of_data_are_text_and_nothing_else():
    odd = "<script>alert(1)</script>\x1b[31m"
    types = [told(odd, 0.1, [0.0, 0.2], paused=PAUSE | {"reason": odd})]
    for html in (
        interventions.page(REPORT | {"tenant_id": odd, "reason": odd, "types": types}, at=AT),
        value.page(VALUE | {"tenant_id": odd, "use": [VALUE["use"][0] | {"agent": odd}]}, at=AT),
    ):
        assert not Document(html).all("script")
        assert "\x1b" not in html
        assert "alert(1)" in html


def test_nothing_is_loaded_and_nothing_runs(document):
    keeps_to_itself(document)


def test_it_can_be_read_without_seeing_it(document):
    can_be_heard(document)


@pytest.mark.parametrize("name", PAGES)
def test_the_same_answer_gives_the_same_bytes(name):
    module, answer = PAGES[name]
    assert module.page(answer, at=AT) == module.page(answer, at=AT)
