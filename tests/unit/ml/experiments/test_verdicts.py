from __future__ import annotations

from dataclasses import replace

import pytest

from ml.experiments.effects import Arm, difference
from ml.experiments.verdicts import SOUGHT, Report, arms, harmful, report

#: treated, held, what is said, and words that the reason must hold
GOLDEN = [
    (Arm(0, 0), Arm(0, 0), "too_early", "before leads of both arms"),
    (Arm(90, 20), Arm(0, 0), "too_early", "before leads of both arms"),
    (Arm(9, 3), Arm(1, 0), "too_early", "more weeks"),
    (Arm(540, 135), Arm(60, 12), "too_early", "more weeks"),
    (Arm(5130, 1283), Arm(570, 114), "too_early", "a hint"),
    (Arm(9000, 2000), Arm(1000, 220), "no_difference_seen", "would likely have been seen"),
    (Arm(9000, 2700), Arm(1000, 200), "helps", "however often one looks"),
    (Arm(900, 450), Arm(100, 25), "helps", "however often one looks"),
    (Arm(900, 180), Arm(100, 45), "harms", "however often one looks"),
]


def said(treated: Arm, held: Arm, *, share: float = 0.1, weekly: float = 50) -> Report:
    return report({"a": (treated, held)}, share=share, weekly=weekly)


@pytest.mark.parametrize("treated, held, verdict, words", GOLDEN)
def test_verdicts(treated: Arm, held: Arm, verdict: str, words: str) -> None:
    found = said(treated, held)
    assert found.verdict == verdict
    assert words in found.reason


def test_a_reason_names_the_figures() -> None:
    reason = said(Arm(540, 135), Arm(60, 12)).reason
    for words in ("540", "25.0 %", "60", "20.0 %", "+5.0 points", "-7.3 to +14.0"):
        assert words in reason


def test_arms_are_pooled_over_types() -> None:
    found = report({"a": (Arm(90, 20), Arm(10, 3)), "b": (Arm(45, 5), Arm(5, 0))}, share=0.1, weekly=10)
    assert (found.treated, found.holdout) == (Arm(135, 25), Arm(15, 3))
    assert found.effect == difference(Arm(135, 25), Arm(15, 3))
    assert found.types["b"].effect == difference(Arm(45, 5), Arm(5, 0))


def test_nothing_at_all_is_a_report_too() -> None:
    found = report({}, share=0.1, weekly=0.0)
    assert (found.verdict, found.types, found.harmful, found.significant) == ("too_early", {}, (), {})
    assert (found.effect.difference, found.detectable, found.weeks_needed) == (None, None, None)
    assert "stays open" in found.reason


def test_weeks_end_where_the_sought_effect_is_detectable() -> None:
    early = said(Arm(540, 108), Arm(60, 12))
    assert early.weeks_needed is not None
    leads = 600 + round(50 * early.weeks_needed)
    later = said(Arm(leads - leads // 10, leads // 5), Arm(leads // 10, leads // 50))
    assert later.detectable == pytest.approx(SOUGHT, abs=0.002)


@pytest.mark.parametrize("share, weekly", [(0.0, 50), (1.0, 50), (0.1, 0)])
def test_without_a_hold_out_or_leads_nobody_knows_how_long(share: float, weekly: float) -> None:
    assert said(Arm(9, 3), Arm(1, 1), share=share, weekly=weekly).weeks_needed is None


@pytest.mark.parametrize("kept", [0, 100])
def test_none_or_all_kept_is_no_error(kept: int) -> None:
    found = said(Arm(900, 9 * kept), Arm(100, kept))
    assert found.effect.difference == 0
    assert found.verdict in {"too_early", "no_difference_seen"}


def test_a_type_that_harms_is_named_though_all_together_help() -> None:
    tallies = {"bad": (Arm(900, 180), Arm(100, 45)), "good": (Arm(9000, 4000), Arm(1000, 200))}
    found = report(tallies, share=0.1, weekly=50)
    assert (found.verdict, found.harmful) == ("helps", ("bad",))
    assert [found.types[name].harmful for name in ("bad", "good")] == [True, False]
    assert found.harmful == harmful(tallies)


def test_a_bad_start_is_no_harm_yet() -> None:
    # today's interval lies below 0, the one for all looks does not
    pair = (Arm(180, 36), Arm(20, 9))
    high = difference(*pair).high
    assert high is not None
    assert high < 0
    assert harmful({"a": pair}) == ()


def test_only_what_helps_for_sure_is_told_to_target_by() -> None:
    found = report(
        {
            "good": (Arm(9000, 4000), Arm(1000, 200)),
            "bad": (Arm(9000, 1000), Arm(1000, 400)),
            "new": (Arm(9, 9), Arm(0, 0)),
        },
        share=0.1,
        weekly=50,
    )
    assert list(found.significant) == ["good"]
    assert found.types["bad"].uplift is not None
    assert found.types["bad"].uplift.significant
    assert found.types["new"].uplift is None


def test_counts_become_arms() -> None:
    outcomes = ("kept", "won", "churned", "neglected", "gone", None, "censored")
    found = arms([("a", held, outcome, 10**at) for at, outcome in enumerate(outcomes) for held in (False, True)])
    assert found == {"a": (Arm(1111, 11), Arm(1111, 11))}


def test_counts_of_several_shares_and_arms_add_up() -> None:
    assert arms([("a", True, "kept", 2), ("a", True, "kept", 3), ("a", False, "churned", 1)]) == {
        "a": (Arm(1, 0), Arm(5, 5))
    }


def test_a_report_is_frozen() -> None:
    found = said(Arm(9, 3), Arm(1, 1))
    with pytest.raises(AttributeError):
        found.verdict = "helps"  # type: ignore[misc]
    assert replace(found, verdict="helps").treated == found.treated
