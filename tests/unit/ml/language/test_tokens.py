"""Tokens and sentences of messages: prices, times, abbreviations, emoji and decimals stay whole."""

import warnings

import pytest

from ml.language.tokens import sentence_spans, tokens


def _kinds(text):
    return [(token.text, token.kind) for token in tokens(text)]


@pytest.mark.parametrize(
    "text, kind",
    [
        *(
            (text, "money")
            for text in ("$450k", "$1,250,000.50", "€ 1.200,50", "450,000 dollars", "$1.2 million", "£900")
        ),
        *((text, "time") for text in ("3 p.m.", "3pm", "10:30", "10:30am", "15:00", "3 PM")),
        *((text, "number") for text in ("450k", "1.2m", "3.5", "1,200", "12/05/2026", "2nd", "50%", "1/2")),
        *((text, "emoji") for text in ("😀", "👍🏽", "❤️", "👩‍👩‍👧", "🇺🇸")),
        *((text, "emoticon") for text in (":)", ":-(", ";-)", ":D", "<3", "xD", "-_-")),
        *((text, "word") for text in ("don't", "St.", "Dr.", "U.S.", "e.g.", "café", "approx.")),
        *((text, "punct") for text in ("...", "?!", ",", "&")),
        ("https://example.com/a?b=1", "url"),
        ("www.example.com", "url"),
        ("ada@example.com", "email"),
    ],
)
def test_one_thing_is_one_token(text, kind):
    assert _kinds(text) == [(text, kind)]
    assert _kinds(f"see {text} there")[1:-1] == [(text, kind)]


def test_marks_and_ranges_are_tokens_of_their_own():
    assert _kinds("3br/2ba, 450k-500k.") == [
        ("3", "number"),
        ("br", "word"),
        ("/", "punct"),
        ("2", "number"),
        ("ba", "word"),
        (",", "punct"),
        ("450k", "number"),
        ("-", "punct"),
        ("500k", "number"),
        (".", "punct"),
    ]


@pytest.mark.parametrize(
    "text", ["", "  \n", "We'd pay $450k (max)! 👍🏽 ok :)\n- two", "¿Qué? 日本語 ١٢", "a_b __ \x00"]
)
def test_tokens_lie_in_the_text_with_only_blanks_between_them(text):
    place = 0
    for token in tokens(text):
        assert text[token.start : token.end] == token.text
        assert not text[place : token.start].strip()
        place = token.end
    assert not text[place:].strip()


#: sentences that the oracle parts as we do, and ours where it is known to be wrong
AS_THE_ORACLE = [
    "Is St. Anne open at 3 p.m.? We come at 4.",
    "ok thanks. can we see it sat? great!",
    "I saw it... but no. It was small.",
    "3.5 baths. 2 beds. Price is $450,000.50. Is it firm?",
    "We close at 5 p.m. The keys are ready.",
    "What?! No way. See www.example.com/a.b now.",
    "Call me at 3 p.m. tomorrow. Dr. Smith asked.",
]
OURS = [
    ("We met Mr. Smith on Main St. We like it.", ["We met Mr. Smith on Main St.", "We like it."]),
    ("Love it 😍 When can we go? 👍", ["Love it 😍", "When can we go? 👍"]),
    ("great!! :) see you", ["great!! :)", "see you"]),
    ("U.S. buyers pay approx. 3% more. (See below.) ok", ["U.S. buyers pay approx. 3% more.", "(See below.)", "ok"]),
    ("It is a\nlong line. Next", ["It is a\nlong line.", "Next"]),
    ("Rooms:\n- three beds\n- two baths\nThanks", ["Rooms:", "- three beds", "- two baths", "Thanks"]),
    ('He said "Call me." Then left.', ['He said "Call me."', "Then left."]),
    ("no. 5 is nice. no. we pass", ["no. 5 is nice.", "no.", "we pass"]),
    ("", []),
]


@pytest.mark.parametrize("text", AS_THE_ORACLE)
def test_sentences_are_those_of_the_oracle(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its source has escapes that newer Pythons warn of
        import pysbd
    oracle = pysbd.Segmenter(language="en", clean=False)
    assert _sentences(text) == [sentence.strip() for sentence in oracle.segment(text)]


@pytest.mark.parametrize("text, sentences", OURS)
def test_sentences_of_messages(text, sentences):
    assert _sentences(text) == sentences


def _sentences(text):
    return [text[start:end] for start, end in sentence_spans(text)]
