from __future__ import annotations

import pytest

from ml.explain import describe
from ml.features.catalogue import FEATURES
from ml.leads import Scorecard, Training, band
from ml.profiles import FeatureMatrix


@pytest.mark.parametrize(
    "name, value, text",
    [
        ("showings", 1.0, "1 showing"),
        ("showings", 0.0, "no showings"),
        ("recent_views", 3.4, "about 3 recent listing views"),
        ("recent_views", 0.2, "hardly any recent listing views"),
        ("recent_views", 0.0, "no recent listing views"),
        ("open_rate", 0.4, "opens 40% of e-mails"),
        ("reply_days", 1.9, "last reply 1 day ago"),
        ("silence_days", 0.1, "last sign of life today"),
        ("age_days", 1200.0, "came in 1,200 days ago"),
        ("activity_trend", -0.7, "activity is falling"),
        ("budget", 450_000.0, "budget 450,000"),
        ("budget", None, "budget: not known"),
        ("beds_min", 3.0, "bedrooms from 3"),
        ("source", "referral", "source: referral"),
        ("custom:Total_Visits", 2.5, "Total Visits: 2.5"),
    ],
)
def test_reasons_are_plain_words(name: str, value: float | str | None, text: str) -> None:
    assert describe(name, value) == text


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_every_feature_has_words_for_any_value(name: str) -> None:
    for value in (0.0, 1.0, 2.5, 1e6, None, "text"):
        text = describe(name, value)
        assert text.strip() == text
        assert "{" not in text


def test_no_reason_contradicts_sense(brokerage: tuple[FeatureMatrix, list[bool]], training: Training) -> None:
    scores = training.scorer.score(brokerage[0], explain=50)
    for row, score in zip(brokerage[0].to_rows(), scores, strict=True):
        ups = {reason.feature for reason in score.up}
        assert not ("showings" in ups and row["showings"] == 0)
        assert not any(r.text.startswith("no ") for r in score.up if r.feature in FEATURES)


def test_fit_and_engagement_are_two_axes() -> None:
    rows: list[dict[str, float | str | None]] = [
        {},
        {"source": "referral", "preapproval": "cash"},
        {"showings": 5.0, "reply_days": 0.5},
    ]
    nothing, fits, engages = Scorecard().score(FeatureMatrix.from_rows(rows))
    assert (nothing.fit, nothing.engagement) == (50, 50)
    assert (fits.fit > 80, fits.engagement) == (True, 50)
    assert (engages.fit, engages.engagement > 80) == (50, True)


def test_bands_follow_the_tenants_limits() -> None:
    assert [band(p, hot=0.5, warm=0.2) for p in (0.5, 0.2, 0.1)] == ["hot", "warm", "cold"]
