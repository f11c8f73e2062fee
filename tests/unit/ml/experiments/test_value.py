"""Shares that closed, deals by arm, and money at a tenant's figures: what counts, and what cannot be told."""

import pytest

from ml.experiments.effects import Arm, difference, wilson
from ml.experiments.value import deals, money, realised


def test_bands_are_counted_in_the_order_asked_also_those_of_nobody():
    found = realised([("cold", True), ("hot", True), ("cold", False), ("cold", False)], ("hot", "warm", "cold"))
    assert [(one.band, one.leads, one.converted) for one in found] == [("hot", 1, 1), ("warm", 0, 0), ("cold", 3, 1)]
    assert (found[1].rate, found[1].interval) == (None, None)
    assert found[2].interval == wilson(Arm(3, 1))


def test_a_band_that_nobody_asked_for_is_told_at_the_end():
    assert [one.band for one in realised([("tepid", True)], ("hot",))] == ["hot", "tepid"]


@pytest.mark.parametrize("outcome", ["gone", None, "something new"])
def test_who_left_or_is_not_settled_counts_for_nobody(outcome):
    assert deals([(False, outcome, 5), (True, outcome, 5)]) == (Arm(0, 0), Arm(0, 0))


def test_only_won_leads_are_deals_though_others_were_kept():
    told = [(False, "won", 2), (False, "kept", 3), (True, "neglected", 1), (True, "won", 1), (False, "churned", 5)]
    assert deals(told) == (Arm(10, 2), Arm(2, 1))


def test_money_is_the_difference_of_deals_with_its_own_bounds():
    sent, held = Arm(500, 50), Arm(60, 9)
    found, effect = money(sent, held, deal=8_000.0), difference(sent, held)
    assert (found.amount, found.low, found.high) == tuple(
        500 * 8_000.0 * part for part in (effect.difference, effect.low, effect.high)
    )
    assert found.amount < 0, "it may cost as well"
    assert (found.leads, found.difference) == (500, effect.difference)


@pytest.mark.parametrize("arms", [(Arm(0, 0), Arm(5, 1)), (Arm(5, 1), Arm(0, 0))])
def test_with_an_empty_arm_no_money_is_named(arms):
    assert money(*arms, deal=1.0) is None
