"""What sending truly does to a simulated lead: the same for each seed, one world beside the other, told to nobody."""

import doctest
from pathlib import Path

import pytest

from examples import generate, truth
from ml.interventions.catalogue import CATALOGUE

LEADS = generate.truth(7, 600)
HARMS, IDLE = "timeline_acceleration", "social_proof"


def _effect(intervention):
    return sum(truth.respond(7, name, lead, intervention).effect for name, lead in LEADS.items()) / len(LEADS)


def test_every_intervention_has_its_truth():
    assert set(truth.LIFTS) == set(CATALOGUE.interventions)


def test_most_help_one_does_nothing_and_one_harms():
    effects = {name: _effect(name) for name in truth.LIFTS}
    assert effects.pop(HARMS) < -0.1
    assert effects.pop(IDLE) == 0
    assert all(0.02 < effect < 0.12 for effect in effects.values())


def test_leads_differ_in_what_the_same_does_to_them():
    effects = [truth.respond(7, name, lead, "concern_addressing").effect for name, lead in LEADS.items()]
    assert max(effects) > 2 * sum(effects) / len(effects)
    assert min(effects) < 0.02


def test_a_lead_that_is_more_likely_to_buy_is_more_likely_to_stay():
    ranked = sorted(LEADS.items(), key=lambda each: each[1].probability)
    cold, warm = (
        sum(truth.respond(7, name, lead, IDLE).without for name, lead in some) for some in (ranked[:200], ranked[-200:])
    )
    assert warm > 1.5 * cold


def test_what_becomes_of_leads_agrees_with_their_chances():
    for sent in (False, True):
        kept = sum(truth.kept(7, name, lead, HARMS, sent=sent) for name, lead in LEADS.items())
        chances = [truth.respond(7, name, lead, HARMS) for name, lead in LEADS.items()]
        expected = sum(one.sent if sent else one.without for one in chances)
        assert kept == pytest.approx(expected, abs=3 * len(LEADS) ** 0.5 / 2)


def test_worlds_share_a_leads_luck():
    for name, lead in LEADS.items():
        without, pressed = (truth.kept(7, name, lead, HARMS, sent=sent) for sent in (False, True))
        assert without or not pressed or truth.respond(7, name, lead, HARMS).effect > 0
        assert truth.kept(7, name, lead, IDLE, sent=True) == without


def test_the_same_seed_gives_the_same_worlds():
    name, lead = next(iter(LEADS.items()))
    first = truth.respond(7, name, lead, HARMS)
    assert first == truth.respond(7, name, lead, HARMS)
    assert first.without != truth.respond(8, name, lead, HARMS).without


def test_an_unknown_intervention_has_no_truth():
    name, lead = next(iter(LEADS.items()))
    with pytest.raises(KeyError):
        truth.respond(7, name, lead, "free_lunch")


def test_examples():
    assert doctest.testmod(truth).failed == 0


def test_no_other_part_knows_the_truth():
    root = Path(generate.__file__).parents[1]
    for package in ("workers", "tasks", "ml", "db"):
        for path in (root / package).rglob("*.py"):
            assert "examples" not in [
                line.split()[1].split(".")[0]
                for line in path.read_text().splitlines()
                if line.startswith(("import ", "from "))
            ], path
