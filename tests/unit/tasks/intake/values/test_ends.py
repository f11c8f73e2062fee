"""How it ended, by the words of stages and statuses."""

import doctest

import pytest

from tasks.intake.values import ends


@pytest.mark.parametrize(
    ("word", "end"),
    [
        ("Closed Won", "won"),
        ("closed-won", "won"),
        ("SALE_DONE", "won"),
        ("Converted", "won"),
        ("Vendido", "won"),
        ("Gagné", "won"),
        ("Closed Lost", "lost"),
        ("Unqualified", "lost"),
        ("BAD_TIMING", "lost"),
        ("Not interested", "lost"),
        ("Não interessado", "lost"),
        ("Kein Interesse", "lost"),
        ("Closed - Not Converted", "lost"),
        ("Archived", "abandoned"),
        ("Trash", "abandoned"),
        ("Closed", "over"),
        ("Cerrado", "over"),
        ("New", None),
        ("Qualified", None),
        ("Nurturing", None),
        ("Offer", None),
        ("Under Contract", None),
        ("Lost and Found Street", None),
    ],
)
def test_words(word, end):
    assert ends.read(word) == end


def test_no_word_tells_two_ends():
    words = [word for end in ("won", "lost", "abandoned", "over") for word in ends._DATA[end]]
    assert len(words) == len({ends._key(word) for word in words})


@pytest.mark.parametrize(
    ("words", "header", "outcomes", "unclear"),
    [
        (["New", "Closed", "Lost"], "Status", {"Closed": "won", "Lost": "lost"}, ()),
        (["New", "Closed"], "Status", {}, ("Closed",)),
        (["Closed", "Closed Won", "Closed Lost"], "Stage", {"Closed Won": "won", "Closed Lost": "lost"}, ("Closed",)),
        (["true", "false"], "closed", {}, ("true",)),
        (["true", "false"], "Is Won", {"true": "won"}, ()),
        (["1", "0"], "Lost", {"1": "lost"}, ()),
        (["yes", "no"], "Interested?", {}, ()),
    ],
)
def test_columns(words, header, outcomes, unclear):
    assert ends.decided(words, header) == (outcomes, unclear)


def test_examples():
    assert doctest.testmod(ends).failed == 0
