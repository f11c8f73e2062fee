"""The page of a search: what came of it first, every trial with its loss, nothing foreign or loaded."""

import pytest

from tasks.contracts.answers.tuning import Study
from tests.support.pages.document import Document, can_be_heard, keeps_to_itself
from tests.support.pages.tuning_answers import AT, BEGUN, EMPTY, STUDY
from workers.pages import tuning

SECTIONS = ["tried", "trials", "reading"]
ANSWERS = {"finished": STUDY, "begun": BEGUN, "empty": EMPTY}


def shown(answer):
    return Document(tuning.page(answer, tenant="acme", at=AT))


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_gives_a_whole_page(name):
    Study.model_validate(ANSWERS[name])
    document = shown(ANSWERS[name])
    assert [section.attributes["id"] for section in document.all("section")] == SECTIONS
    can_be_heard(document)
    keeps_to_itself(document)


def test_what_came_of_it_stands_first():
    header = shown(STUDY).all("header")[0].text
    assert "Lead_score-0002 answers now Better than the present champion" in header
    assert "less log loss than usual 3.92 %" in header
    assert "complete trials 3 of 20 that were asked for" in header
    assert "The search ended since the budget was spent" in header


def test_trials_are_ranked_and_only_complete_ones_have_a_loss():
    rows = shown(STUDY).told("by-trial")
    first = "1 Won 0.49000 -0.02000 0.7500 3 of 3 complete 7.5 penalty 0.0123, leaves 12"
    assert first in rows
    assert rows.index("1 Won") < rows.index("0 0.51000") < rows.index("2 0.61000") < rows.index("LabelsError")
    assert "3 - - 2 of 3 failed, LabelsError" in rows
    assert "4 - - 1 of 3 cut off by the end" in rows
    assert "1 fold was begun again since a worker was lost over it" in shown(STUDY).told("trials")


def test_the_same_answer_gives_the_same_bytes_and_two_losses_a_drawing():
    assert tuning.page(STUDY, tenant="acme", at=AT) == tuning.page(STUDY, tenant="acme", at=AT)
    assert len(shown(STUDY).all("figure")) == 1
    assert "0.4900, is that of trial 1" in shown(STUDY).all("figure")[0].text
    assert not shown(BEGUN).all("figure")


def test_text_from_outside_is_escaped():
    assert "<script>" not in tuning.page(STUDY | {"reason": "<script>x</script>"}, tenant="<script>", at=AT)
