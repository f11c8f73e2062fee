"""The tone of a message: its state, how sure, and the words that say it."""

import pytest

from domain.emotions import EMOTIONAL_STATES
from ml.language.emotion import reader
from ml.language.emotion.reader import SURE, probabilities, read_tones


def read(text, language="en"):
    return read_tones([text], [language])[0]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Thank you so much, we love it!", ("excited", "confident")),
        ("I am so sad we lost that house", ("disappointed",)),
        ("I'm furious, this is disgusting", ("angry",)),
        ("I feel overwhelmed by all of this", ("overwhelmed",)),
        ("I'm scared that the loan falls through", ("anxious",)),
    ],
)
def test_the_state_is_the_one_that_is_said(text, state):
    tone = read(text)
    assert tone.state in state
    assert tone.evidence
    assert tone.why_not is None


def test_probabilities_add_up_and_confidence_is_the_largest():
    tone = read("We were hoping for a bit more space, to be honest")
    assert set(tone.probabilities) == set(EMOTIONAL_STATES)
    assert sum(tone.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert tone.confidence == max(tone.probabilities.values()) == tone.probabilities[tone.state]


def test_evidence_is_in_the_text_and_points_to_the_words():
    text = "Hello! What a horrible, disgusting agent \U0001f620, regards"
    tone = read(text)
    assert tone.state == "angry"
    said = [text[span.start : span.end] for span in tone.evidence]
    assert any("disgusting" in words for words in said)
    assert all(0 <= span.start < span.end <= len(text) and span.weight > 0 for span in tone.evidence)


def test_a_rule_is_named_and_alone_is_never_sure():
    tone = read("There are too many options to choose from")
    assert [span.rule for span in tone.evidence] == ["overwhelmed.too_much"]
    assert tone.evidence[0].source == "rule"
    assert tone.confidence < SURE


@pytest.mark.parametrize(
    ("text", "language", "why_not"),
    [
        ("Estoy muy contenta con la casa", "es", "other_language"),
        ("", "und", "too_short"),
        ("ok", "und", "too_short"),
        ("450,000", "und", "too_short"),
        ("\U0001f602\U0001f602", "und", "too_short"),
        ("Xqzt blorf gnarp wuxle", "und", "unknown_words"),
    ],
)
def test_too_little_or_another_language_gives_no_state(text, language, why_not):
    tone = read(text, language)
    assert (tone.state, tone.confidence, tone.why_not, tone.evidence) == (None, 0.0, why_not, ())
    assert not tone.probabilities


def test_less_is_sure_where_fewer_words_are_known():
    known, less = read("what a horrible house"), read("what a horrible xqzt gnarp blorf")
    assert less.known < known.known
    assert less.state is not None
    assert less.confidence < known.confidence


def test_many_at_once_are_each_as_alone():
    texts = ["We love it", "", "I'm so confused", "ok", "This is awful \U0001f620", "Can we see it tomorrow?"] * 50
    languages = ["en", "und", "en", "und", "en", "en"] * 50
    together = read_tones(texts, languages)
    alone = [read(text, language) for text, language in zip(texts[:6], languages[:6], strict=True)]
    assert together == alone * 50


def test_the_version_changes_with_weights_and_cues():
    reading, weights, cues = reader.VERSION.split("-")
    assert reading.isdigit()
    assert reader.weights.checksum().startswith(weights)
    assert reader.cues_checksum().startswith(cues)


def test_texts_that_are_too_short_have_probabilities_for_those_who_measure():
    read_all = probabilities(["ok", "", "Thanks!"])
    assert read_all.shape == (3, len(EMOTIONAL_STATES))
    assert read_all.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert probabilities([]).shape == (0, len(EMOTIONAL_STATES))
