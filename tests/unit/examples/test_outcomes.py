"""What becomes of the sample's open leads: repeatable, and wrong for who learnt before the turn."""

import csv
import doctest
from pathlib import Path

from examples import generate, outcomes


def test_the_committed_outcomes_are_what_seed_7_writes():
    with Path(outcomes.__file__).with_name("outcomes.csv").open(encoding="utf-8", newline="") as source:
        assert list(csv.DictReader(source)) == outcomes.rows(7, 1200)


def test_each_open_lead_ends_once():
    names = [row["external_id"] for row in outcomes.rows(7, 1200)]
    assert sorted(names) == sorted(name for name, lead in generate.truth(7, 1200).items() if lead.open)


def test_up_to_the_turn_the_truth_holds_and_from_then_on_it_misleads():
    chances, table = generate.truth(11, 6000), outcomes.rows(11, 6000)
    turn = round(outcomes.BEFORE * len(table))

    def errors(rows):
        wrong = [(chances[row["external_id"]].probability > 0.5) != (row["type"] == "won") for row in rows]
        return sum(wrong) / len(wrong)

    assert errors(table[:turn]) < 0.2
    assert errors(table[turn:]) > 0.45


def test_the_example_of_a_turned_chance_holds():
    assert doctest.testmod(outcomes).failed == 0
