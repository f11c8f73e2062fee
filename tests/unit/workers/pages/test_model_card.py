"""The model card: what it tells, of old versions too; nothing foreign gets in, nothing is loaded."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest

from db.records import FeedbackTally
from tests.support.pages.document import Document, can_be_heard, keeps_to_itself
from tests.support.pages.model_records import BASE_RATE, METRICS, NEWER, NEWEST, REPORT, SECTIONS, WON, model
from workers.pages.model_card import card, page

OLDEST = model(report={"positives": 100})
NEW = model(report={**REPORT, **NEWER})
OLD = model()
RECORDS = {"oldest": OLDEST, "old": OLD, "new": NEW}


def read(record, **given):
    return Document(page(record, tenant="acme", **given))


@cache
def shown(age):
    return read(RECORDS[age])


@pytest.fixture(params=RECORDS)
def document(request):
    return shown(request.param)


def test_every_section_is_there_whatever_the_report_holds(document):
    assert document.all("title")[0].text == "Model card lead_score-0001 · Hearth"
    links = [link.attributes["href"] for link in document.all("a")]
    assert links == [f"#{name}" for name in SECTIONS]
    assert all(len(document.told(name).split()) > 5 for name in SECTIONS)


def test_what_an_old_version_did_not_record_is_said():
    document = shown("oldest")
    for name in ("calibration", "lift", "features", "decision"):
        assert "Not recorded: this version was trained before" in document.told(name)
    assert "Period not recorded by this version" in document.told("data")
    assert not document.all("figure")


def test_figures_stand_with_their_bounds_beside_the_baselines():
    rows = shown("new").by_id("measures").children[2].children
    told = {row.text.partition(" share of")[0]: row for row in rows}
    cells = [cell.text for cell in told["AUC"].children[1:]]
    assert cells == ["0.783 0.746 to 0.816", "0.500", "0.629 0.746 to 0.816"]


def test_the_blend_its_intervals_and_the_features_are_told():
    document = shown("new")
    assert "the blend beats each of its members by more than noise" in document.told("quality")
    assert "Gradient boosting 0.41 0.781 0.138" in document.told("members")
    assert "of leads held out it did so 91.2 % of the time" in document.told("calibration")
    # an older version knows single features only: 0.61 + 0.35 + 0.2
    told = document.told("top").split("share ")[1]
    assert told == "Showings and offers 52.6 % How they answer 30.2 % Where the inquiry came from 17.2 %"
    assert "Pool wanted" not in document.told("top"), "it moves nothing"
    assert "Contextual (2) source Pool wanted" in document.told("features")


def test_the_band_table_says_what_came_of_what_was_said():
    assert "80 to 90 % 41 34 83 % 69 to 91 %" in shown("new").told("bands")
    oldest_first = shown("old").told("bands")
    assert "75 to 83 % 50 30 60 % 46 to 72 %" in oldest_first
    assert "0 to 8 % 50 0 0 % 0 to 7 %" in oldest_first


def test_the_lift_of_an_old_version_comes_from_its_bands():
    found = card(OLD, tenant="acme").deciles
    assert [point.depth for point in found] == pytest.approx([step / 10 for step in range(1, 11)])
    assert found[0].wins == WON[-1] / sum(WON)
    assert found[-1].lift == 1.0


def test_a_fine_curve_is_told_in_tenths():
    found = card(NEW, tenant="acme").deciles
    assert [point.depth for point in found] == pytest.approx([step / 10 for step in range(1, 11)])
    assert found[0].wins == pytest.approx(0.1**0.5)


def test_chance_explains_less_of_a_distance_the_more_leads_there_are():
    few = card(OLD, tenant="acme").chance
    tenfold = [{**band, "rows": 500, "positives": 10 * band["positives"]} for band in REPORT["bands"]]
    many = card(model(report={**REPORT, "bands": tenfold}), tenant="acme").chance
    assert many == pytest.approx(few / 10**0.5)


def test_leaks_and_columns_that_were_left_out_are_named_with_the_reason():
    document = shown("old")
    assert "Agent note 0.981 refused" in document.told("leaks")
    assert "Refused: they know the outcome (1) Agent note AUC 0.981 alone" in document.told("unused")
    assert "Nothing to learn from (1) The same value everywhere: offers" in document.told("unused")
    allowed = {**REPORT, "features": [*REPORT["features"], "custom:Agent note"]}
    assert "allowed: it was learnt from" in read(model(report=allowed)).told("leaks")


@pytest.mark.parametrize(
    "name, reason, said",
    [
        ("Age", "age", "Refused by law: protected attributes, and where a person lives (1) Age age: a protected"),
        (
            "custom:Marital",
            "may not be a feature: marital status",
            "where a person lives (1) Marital marital status: a",
        ),
        ("City", "city", "where a person lives (1) City city: where a person lives"),
        ("Surname", "name", "Refused: names, ways of contact and identifiers (1) Surname name"),
        (
            "age_days",
            "counts the days to the end",
            "at the end of a deal (1) Counts the days to the end: days since it",
        ),
        (
            "silence_days",
            "last_activity_at lies at or after the end of 50% of the closed leads",
            "at the end of a deal",
        ),
    ],
)
def test_what_was_refused_stands_under_the_reason_in_words(name, reason, said):
    assert said in read(model(report={**REPORT, "dropped": {name: reason}})).told("unused")


def test_what_moves_scores_is_told_by_meaning():
    told = read(model(report={**REPORT, **NEWER, **NEWEST})).told("top").split("share ")[1]
    assert told == "Showings and offers 60.0 % How they answer days since last reply, calls 30.0 % Pool wanted 10.0 %"


def test_what_moves_scores_has_bounds_where_they_were_measured():
    meanings = [{**each, "low": 0.9 * each["log_odds"], "high": 1.1 * each["log_odds"]} for each in NEWEST["meanings"]]
    told = read(model(report={**REPORT, **NEWER, **NEWEST, "meanings": meanings})).told("top").split("share ")[1]
    assert told.startswith("Showings and offers 60.0 % 54 % to 66 %")


@pytest.mark.parametrize(
    "observed, words",
    [
        ({"before": 0, "same_moment": 500, "after": 0}, "For 500 of 500 leads the file does not tell"),
        ({"before": 400, "same_moment": 100, "after": 0}, "For 100 of 500 leads the file does not tell"),
        ({"before": 0, "same_moment": 0, "after": 500}, "500 of 500 leads were seen only after their outcome"),
    ],
)
def test_what_the_file_does_not_tell_is_not_vouched_for(observed, words):
    document = read(model(report={**REPORT, **NEWER, **NEWEST, "observed": observed, "leaks": {}}))
    assert words in document.all("header")[0].text
    assert "as it was before its outcome" not in document.told("purpose")
    assert "None found" not in document.told("leakage")
    assert "This does not prove that none knows the outcome" in document.told("leakage")


def test_an_older_version_whose_leads_came_with_their_outcome_is_warned_of():
    span = ["2026-11-29T10:00:01+00:00", "2026-11-29T10:00:31+00:00"]
    later = ["2026-11-29T10:00:02+00:00", "2026-11-29T10:00:40+00:00"]
    told = read(model(report={**REPORT, "period": {"observed": span, "labelled": later}})).all("header")[0].text
    assert "For 500 of 500 leads the file does not tell" in told


def test_it_vouches_where_every_row_was_seen_before_its_outcome_and_every_column_probed():
    document = read(model(report={**REPORT, **NEWER, **NEWEST, "leaks": {}}))
    assert "each as it was before its outcome was known" in document.told("purpose")
    assert "None found All 4 columns that it learnt from were probed" in document.told("leakage")
    assert "Closed leads 515, 500 of them learnt from; 12 are agents or vendors, 3 may not be used" in document.told(
        "data"
    )
    assert not card(model(report={**REPORT, **NEWER, **NEWEST, "leaks": {}}), tenant="acme").warnings


def test_columns_that_could_not_be_probed_are_named_and_nothing_is_green():
    asked = {"probed": ["showings", "reply_days", "source"], "unprobed": {"custom:Pool wanted": "fewer than 20 values"}}
    report = {**REPORT, **NEWER, **NEWEST, **asked, "leaks": {}}
    told = read(model(report=report)).told("leakage")
    assert "None found" not in told
    assert "3 were probed, 1 could not be: Pool wanted: fewer than 20 values" in told
    old = read(model(report={**REPORT, "leaks": {}, "alone": {"showings": 0.71, "source": 0.6}})).told("leakage")
    assert "None found" not in old
    assert "Which columns were probed is not recorded" in old
    assert "The strongest single column is showings, with an AUC of 0.710" in old


def test_it_does_not_claim_to_look_away_from_columns_that_it_learnt_from():
    claim = "country, city, postal code and neighbourhood of a person are not among what it looks at"
    assert claim in shown("old").told("purpose")
    document = read(model(report={**REPORT, "features": ["showings", "custom:City", "state"]}))
    assert claim not in document.told("purpose")
    assert "It learnt from columns that are refused today: City" in document.all("header")[0].text


@pytest.mark.parametrize(
    "stored, sentence",
    [
        ("lr+gb won: log loss 0.2853 out of fold", "Logistic regression and gradient boosting: no other choice"),
        ("gb: log loss 0.3 out of fold; too few rows to compare others", "Gradient boosting: there are too few leads"),
        (
            "gb, the simplest within noise of lr+rf+gb: log loss 0.28 out of fold, 0.27",
            "as good as the best, logistic regression, random forest and gradient boosting, within noise",
        ),
        ("lr+rf+gb, whole within noise of gb: log loss 0.28 out of fold, 0.27", "all are kept, as good as the best"),
    ],
)
def test_why_its_members_were_chosen_is_a_sentence(stored, sentence):
    told = read(model(report={**REPORT, **NEWER, "choice": stored})).told("quality")
    assert sentence in told
    assert "out of fold" not in told


def test_the_data_the_decision_and_the_libraries_are_told():
    document = shown("new")
    assert "3 January 2025, 10:00 UTC to 1 October 2026, 09:00 UTC" in document.told("data")
    assert "480 from imports and the CRM, 20 from live scoring, 3 left out on request" in document.told("data")
    assert "9f2c" * 16 in document.told("data")
    assert "Better than the base rate: Brier 0.138 against 0.165" in document.told("decision")
    assert "numpy 2.4.6" in document.told("versions")


@pytest.mark.parametrize(
    "record, said",
    [
        (model(metrics={**METRICS, "auc": 0.97}), "too good to be true"),
        (model(metrics=BASE_RATE), "the same probability"),
        (model(retrain_at=datetime(2026, 11, 1, tzinfo=UTC)), "was erased"),
        (model(report={**REPORT, "features": ["custom:Agent note"]}), "learnt from a column that knows the outcome"),
    ],
)
def test_what_an_auditor_must_not_miss_stands_on_top(record, said):
    assert any(said in warning for warning in card(record, tenant="acme").warnings)
    assert said in read(record).all("header")[0].text


def test_a_model_with_nothing_to_be_told_has_no_warning():
    assert not card(OLD, tenant="acme").warnings


@pytest.mark.parametrize("state, said", [("champion", "today"), ("candidate", "waits"), ("retired", "any more")])
def test_its_state_stands_on_top(state, said):
    assert said in read(replace(NEW, state=state)).all("header")[0].text


def test_what_people_say_of_its_scores_is_told():
    assert "Nobody has marked a score" in shown("new").told("quality")
    tally = FeedbackTally(model_version="lead_score-0001", wrong=3, right=1, reasons={"already_sold": 2, "other": 1})
    told = read(NEW, marks=tally).told("quality")
    assert "Marked wrong 3 times, right 1 times. Already sold 2 Other 1" in told


def test_names_out_of_data_are_text_and_nothing_else():
    odd = "custom:<script>alert(1)</script> \"'& $x^2$ \x1b[31m"
    leaky = {"features": [odd], "dropped": {odd: "leaks: <b>"}, "leaks": {odd: 0.96}, "top": {odd: 1.0}}
    html = page(model(report={**REPORT, **NEWER, **leaky}), tenant="<img src=x>")
    document = Document(html)
    assert not document.all("script", "img", "b")
    assert "\x1b" not in html
    assert "<script>alert(1)</script> \"'& $x^2$ [31m" in document.told("features")


def test_a_card_of_churn_speaks_of_leads_gone_cold_and_of_no_wins():
    report = {**REPORT, **NEWER, "horizon_days": 30, "sources": {"histories": 220, "blocked": 0}, "choice": "the blend"}
    document = read(model(report=report | {"leaks": {}}, kind="churn", version="churn-0001"))
    assert "goes cold within 30 days" in document.told("purpose")
    assert "one lead that went cold and one that did not" in document.all("header")[0].text
    assert "From 220 leads with their histories" in document.told("data")
    told = document.all("body")[0].text
    assert "gone cold" in told
    assert not re.findall(r"\b(?:won|wins?|close)\b", told)


def test_nothing_is_loaded_and_nothing_runs(document):
    keeps_to_itself(document)


def test_it_can_be_read_without_seeing_it(document):
    can_be_heard(document)


def test_the_same_version_gives_the_same_bytes():
    assert page(NEW, tenant="acme") == page(NEW, tenant="acme")


def test_a_comparison_is_told_in_words_and_percent():
    decision = {"verdict": "promote", "promoted": True, "reason": "better than the scorecard", "rows": 400}
    compared = {"look": 3, "level": 0.00107, "spent": 0.0222, "p_value": 0.0000012, "gain": 0.0813}
    told = read(model(REPORT | {"decision": decision | compared})).told("decision")
    assert "Brier score lower by 8.13" in told
    assert "this one included 3" in told
    uncompared = decision | {"look": 0, "level": 0.0, "spent": 0.0, "p_value": None, "gain": None}
    told = read(model(REPORT | {"decision": uncompared})).told("decision")
    assert "this one included" not in told
