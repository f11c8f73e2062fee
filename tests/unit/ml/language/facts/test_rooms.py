"""How many bedrooms and bathrooms a lead wants."""

import pytest

from ml.language.facts.folding import folded
from ml.language.facts.rooms import read


def said(text):
    return [(fact.kind, fact.value, fact.bound) for fact in read(folded(text))]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("three bedroom house", [("beds", (3, 3), "exact")]),
        ("2 bed 1.5 bath", [("beds", (2, 2), "exact"), ("baths", (1.5, 1.5), "exact")]),
        ("4br/3ba", [("beds", (4, 4), "exact"), ("baths", (3, 3), "exact")]),
        ("a 3/2 with a yard", [("beds", (3, 3), "exact"), ("baths", (2, 2), "exact")]),
        ("2b2b", [("beds", (2, 2), "exact"), ("baths", (2, 2), "exact")]),
        ("at least 3 beds", [("beds", (3, None), "min")]),
        ("3+ bedrooms", [("beds", (3, None), "min")]),
        ("more than 2 bathrooms", [("baths", (3, None), "min")]),
        ("no more than 4 bedrooms", [("beds", (None, 4), "max")]),
        ("3 or 4 beds", [("beds", (3, 4), "range")]),
        ("2-3 baths", [("baths", (2, 3), "range")]),
        ("two and a half baths", [("baths", (2.5, 2.5), "exact")]),
        ("2\u00bd baths", [("baths", (2.5, 2.5), "exact")]),
        ("Bedrooms: 3", [("beds", (3, 3), "exact")]),
        ("a studio apartment", [("beds", (0, 0), "exact")]),
        ("3 rec\u00e1maras y 2 ba\u00f1os", [("beds", (3, 3), "exact"), ("baths", (2, 2), "exact")]),
    ],
)
def test_numbers_of_rooms_are_read_with_their_bound(text, facts):
    assert said(text) == facts


@pytest.mark.parametrize(
    "text",
    [
        "see you on 3/2 at 4",
        "half a cup, 1/2",
        "a king bed",
        "2 roommates",
        "lot of 3/2 acres",
        "$3 beds sale",
        "12/5 works",
    ],
)
def test_days_fractions_and_furniture_are_no_rooms(text):
    assert said(text) == []


def test_a_number_alone_is_a_guess_and_one_with_its_noun_is_not():
    (guess,) = read(folded("At least 3 please"))
    (sure,) = read(folded("At least 3 bedrooms please"))
    assert (guess.value, guess.confidence < 0.5) == ((3, None), True)
    assert (sure.value, sure.confidence > 0.9) == ((3, None), True)
