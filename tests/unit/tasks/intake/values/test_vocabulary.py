"""The words of levels: each means one level."""

from __future__ import annotations

import pytest

from tasks.intake.values import vocabulary


def test_no_word_means_two_levels():
    for levels in vocabulary.LEVELS.values():
        pairs = {(vocabulary.level_key(word), level) for level, known in levels.items() for word in (level, *known)}
        assert len({word for word, _ in pairs}) == len(pairs)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "\\N",
            "NULL",
            "null",
            "Null",
            "n/a",
            "N/A",
            "#N/A",
            "-",
            "--",
            "\u2014",
            "undefined",
            "nan",
            "NaN",
            "NaT",
            "<null>",
        ),
        *("(null)", "[null]", "0000-00-00", "0000-00-00 00:00:00", "00/00/0000", " NULL ", "k.A.", "#NV", "[]", "{}"),
    ],
)
def test_what_says_nothing(text):
    assert vocabulary.is_missing(text)


@pytest.mark.parametrize("text", ["none", "None", "no", "0", "nein", "ninguno", "x", "Larkmoor", "2026-01-31", "N"])
def test_what_says_something(text):
    assert not vocabulary.is_missing(text)


def test_null_is_a_name_where_it_is_written_as_one():
    assert not any(vocabulary.is_missing(name, name=True) for name in ("Null", "Na", "Nil", "Nat", "Larkmoor"))
    assert all(vocabulary.is_missing(text, name=True) for text in ("NULL", "null", "\\N", "n/a", "-", "NaN"))


def test_blanks_are_written_as_they_are_compared():
    assert all(word == word.casefold() for word in vocabulary.MISSING | vocabulary.NOTHING)
    assert not vocabulary.MISSING & (vocabulary.NOTHING | vocabulary.YES | vocabulary.NO)
