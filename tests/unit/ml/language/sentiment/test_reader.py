"""Polarity as the shipped head reads it: known traps, falling back to VADER, and a confidence to act on."""

import hashlib
import subprocess
import sys

import pytest

from ml.errors import ArtifactCorruptedError, ArtifactFormatError
from ml.language.sentiment import lexicons, model, reader
from ml.language.sentiment.idioms import literal
from ml.language.sentiment.reader import read_sentiments


def _one(text):
    return read_sentiments([text])[0]


@pytest.mark.parametrize(
    "text",
    [
        *("No problem", "no problem at all, see you then", "No complaints", "No complaints so far!", "all good"),
        *("All good here", "not bad", "Not bad at all", "not too bad", "no worries", "We have no concerns"),
        *("Nothing else :)", "nothing 😊", "Nothing to report :-)", "Can't complain", "couldn’t be happier"),
        *("can't wait to see it", "Without a doubt the nicest one", "👍", "Thank you so much for your help"),
    ],
)
def test_what_is_meant_well_is_not_read_as_negative(text):
    assert _one(text).polarity > 0.05


@pytest.mark.parametrize(
    "text",
    [
        *(
            "This is terrible",
            "not happy about the inspection",
            "cannot wait any longer",
            "worst agent ever",
            "👎",
            "😡",
        ),
        *("There is a problem with the lender", "a lot of complaints", "I am tired of waiting. Nobody answers.", "bad"),
    ],
)
def test_what_is_meant_ill_is_read_as_negative(text):
    assert _one(text).polarity < -0.05


@pytest.mark.parametrize("text", ["", "12", "qwerty zxcv", "Is the house still available?", "Saturday at 3 works"])
def test_what_says_nothing_good_or_bad_is_near_zero(text):
    assert abs(_one(text).polarity) < 0.15


def test_a_text_of_unknown_words_is_read_as_vader_reads_it():
    head = reader.shipped()
    unknown = model.parts("qwerty zxcv asdfgh uiop love")
    assert head.known(unknown.ngrams) < head.familiar
    trusting = model.parts("we love this house")
    assert head.known(trusting.ngrams) == 1.0
    alone = model.parts("zxcvb qwertz asdfgh :)")
    assert head.known(alone.ngrams) < 0.4
    by_vader = head.vader * alone.reading.compound / model.SCALE
    assert head.polarity(alone) == pytest.approx(by_vader, abs=0.12)


def test_disagreement_lowers_the_confidence():
    surety = reader.shipped().surety
    assert surety.disagreement < 0 < surety.strength
    assert surety.of(0.3, 0.8, 1.0) < surety.of(0.3, 0.1, 1.0)
    assert surety.of(0.05, 0.1, 1.0) < surety.of(-0.4, 0.1, 1.0)
    mixed = _one("We hated the layout but the street is great")
    assert mixed.vader * mixed.textblob < 0
    assert mixed.confidence < 0.6 < 0.9 < _one("This is perfect, I love it").confidence


def test_the_lexicons_say_what_they_say_alone():
    from textblob import TextBlob
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    vader = SentimentIntensityAnalyzer()
    for text in (
        "No problem :)",
        "A truly lovely porch, not bad",
        "",
        "Nobody’s happy!!! 😡",
        "so-so; see www.example.com",
    ):
        read = _one(text)
        assert read.vader == vader.polarity_scores(text)["compound"]
        assert read.textblob == pytest.approx(TextBlob(text).sentiment.polarity, abs=1e-6)


def test_many_texts_are_read_as_each_alone():
    texts = ["No problem", "This is terrible", "", "ok 😊"]
    assert read_sentiments(texts) == [_one(text) for text in texts]
    assert read_sentiments([]) == []


def test_reading_imports_none_of_the_heavy_libraries():
    script = (
        "import sys; from ml.language.sentiment.reader import read_sentiments; read_sentiments(['nice']);"
        "print(sorted({'nltk', 'sklearn', 'scipy', 'textblob'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_textblob_can_still_be_imported_as_a_whole():
    lexicons.read("nice")
    from textblob import TextBlob

    assert TextBlob("nice").sentiment.polarity > 0


def test_changed_weights_are_refused():
    text = reader._FILE.read_text(encoding="utf-8")
    with pytest.raises(ArtifactCorruptedError):
        model.load(text.replace('"bias":', '"bias":1', 1))
    with pytest.raises(ArtifactCorruptedError):
        model.load("no json")
    assert model.dump(model.load(text)) == text


def test_weights_of_another_format_are_refused(monkeypatch):
    shipped = reader.shipped()
    monkeypatch.setattr(model, "FORMAT", model.FORMAT + 1)
    newer = model.dump(shipped)
    monkeypatch.undo()
    with pytest.raises(ArtifactFormatError):
        model.load(newer)


def test_the_version_follows_the_weights_and_the_card_names_them(pytestconfig):
    digest = hashlib.sha256(reader._FILE.read_bytes()).hexdigest()
    assert reader.VERSION.endswith(digest[:12])
    card = (pytestconfig.rootpath / "docs" / "models" / "sentiment.md").read_text(encoding="utf-8")
    assert digest in card
    for checksum in reader.shipped().about["files"].values():
        assert checksum in card


def test_idioms_leave_other_texts_alone():
    for text in ("No parking", "we cannot come", "That is not what I asked", "I have a problem"):
        assert literal(text) == text
