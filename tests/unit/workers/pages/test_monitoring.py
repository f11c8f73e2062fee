"""The monitoring page: what to do first, drift as marks, harm before surprise, nothing foreign or loaded."""

from tests.support.pages.checks import AT, FINDINGS, RECORDS
from tests.support.pages.document import Document, can_be_heard, keeps_to_itself
from workers.pages import monitoring

PAGE = monitoring.page(RECORDS, FINDINGS, tenant="acme", at=AT)
DOCUMENT = Document(PAGE)


def test_each_model_has_its_part_and_what_to_do_comes_first():
    assert [part.attributes["id"] for part in DOCUMENT.all("section")] == ["lead_score", "online_reply", "reading"]
    header = DOCUMENT.all("header")[0].text
    assert "Lead score: It is trained again" in header
    assert "Online: reply: Nothing to do" in header


def test_drift_is_drawn_where_it_is_more_than_chance():
    model = monitoring.models(RECORDS, FINDINGS)[0]
    assert model.error is not None
    assert model.error.text == "Mean squared error in 14 checks, with 2 marks of drift, 1 of them sure."
    without = monitoring.models(RECORDS, FINDINGS[:1])[0]
    assert without.error is not None
    assert without.error.svg != model.error.svg
    assert "with 0 marks" in without.error.text


def test_the_weights_of_a_blend_are_drawn_and_told():
    batch, online = monitoring.models(RECORDS, FINDINGS)
    assert batch.weights is None
    assert online.weights is not None
    assert "adaptive random forest" in online.weights.svg
    assert "34.0" in DOCUMENT.told("online_reply")


def test_a_tenant_without_a_check_is_told_how_to_make_one():
    document = Document(monitoring.page([], [], tenant="acme", at=AT))
    assert "hearth models monitor --tenant acme --check" in document.all("header")[0].text


def test_the_same_rows_give_the_same_bytes():
    assert monitoring.page(RECORDS, FINDINGS, tenant="acme", at=AT) == PAGE


def test_it_keeps_to_itself_and_can_be_heard():
    assert "<script" not in PAGE
    keeps_to_itself(DOCUMENT)
    can_be_heard(DOCUMENT)
