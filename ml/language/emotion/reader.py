"""Read the tone of messages: the state, how sure it is, and the words that speak for it.

A trained head gives the probabilities of nine states; phrases of `cues.toml` move half of them to the states that they
speak for, among them "overwhelmed", of which no data to learn from is at hand. A tone is a hint about one message. The
model learnt from comments on Reddit: docs/models/emotion.md says what it is worth on other kinds of text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from domain.emotions import EMOTIONAL_STATES
from ml.arrays import Floats, Ints
from ml.language.emotion import weights
from ml.language.emotion.cues import Cue, find_cues
from ml.language.emotion.evidence import evidence
from ml.language.emotion.head import Head, Scores
from ml.language.ngrams import grams
from ml.language.results import Evidence, NoTone, Tone

#: changes when the same text would be read otherwise: revision of this code, of the weights and of the cues
VERSION = "tone-1"
#: confidence from which the model is right nine times in ten, on comments that it did not learn from
SURE = 0.9
#: fewer words, counted as runs of letters, are too little to tell a tone by
LEAST_WORDS = 2
#: share of the words that must be known
LEAST_KNOWN = 0.4
#: share of the probability that goes to the states of the cues
CUES_WEIGH = 0.5
#: languages that are read; one that cannot be told is, since too few words are known where it is another
LANGUAGES = frozenset({"en", "und"})
#: texts that are scored at once
_AT_ONCE = 256
_LETTERS = re.compile(r"[^\W\d_]+")


@cache
def head() -> Head:
    """Return the head that ships with Hearth. Raises ArtifactCorruptedError."""
    return weights.load(weights.shipped())


def read_tones(texts: Sequence[str], languages: Sequence[str]) -> list[Tone]:
    """Return the tone of each text of own words; `languages` are their ISO 639-1 codes, or `und`.

    >>> tone = read_tones(["I'm so confused about the closing costs"], ["en"])[0]
    >>> tone.state, [span.rule for span in tone.evidence if span.source == "rule"]
    ('confused', ['confused.said'])
    >>> read_tones(["Estoy muy contenta"], ["es"])[0].why_not
    'other_language'
    """
    tones: list[Tone] = []
    for step in range(0, len(texts), _AT_ONCE):
        tones += _read(texts[step : step + _AT_ONCE], languages[step : step + _AT_ONCE])
    return tones


def probabilities(texts: Sequence[str]) -> Floats:
    """Return texts by the ten states of the domain: of all texts, however short and in whatever language."""
    steps = [texts[step : step + _AT_ONCE] for step in range(0, len(texts), _AT_ONCE)]
    read = [_ten_states(head().score(grams(some)), list(map(find_cues, some))) for some in steps]
    return np.concatenate(read) if read else np.zeros((0, len(EMOTIONAL_STATES)))


def _read(texts: Sequence[str], languages: Sequence[str]) -> list[Tone]:
    found = grams(texts)
    scores = head().score(found)
    cues = [find_cues(text) if language in LANGUAGES else () for text, language in zip(texts, languages, strict=True)]
    read = _ten_states(scores, cues)
    chosen = read.argmax(axis=1)
    spans = evidence(head(), found, scores, _label_of_state()[chosen])
    known = scores.known.tolist()
    return [
        _tone(known[row], read[row], int(chosen[row]), cues[row], spans[row])
        if (why_not := _why_not(text, languages[row], known[row], cues[row])) is None
        else Tone(state=None, confidence=0.0, known=known[row], why_not=why_not)
        for row, text in enumerate(texts)
    ]


def _why_not(text: str, language: str, known: float, cues: tuple[Cue, ...]) -> NoTone | None:
    """Return why the tone of a text is not told; a phrase that speaks for itself needs no more words."""
    if language not in LANGUAGES:
        return "other_language"
    if cues:
        return None
    if len(_LETTERS.findall(text)) < LEAST_WORDS:
        return "too_short"
    return "unknown_words" if known < LEAST_KNOWN else None


def _tone(known: float, read: Floats, chosen: int, cues: tuple[Cue, ...], spans: tuple[Evidence, ...]) -> Tone:
    state = EMOTIONAL_STATES[chosen]
    rules = tuple(
        Evidence(start=cue.start, end=cue.end, weight=CUES_WEIGH, source="rule", rule=cue.id)
        for cue in cues
        if cue.state == state
    )
    learnt = spans if state in head().labels and state != "neutral" else ()
    shares = dict(zip(EMOTIONAL_STATES, read.tolist(), strict=True))
    return Tone(state=state, confidence=shares[state], probabilities=shares, evidence=rules + learnt, known=known)


def _ten_states(scores: Scores, cues: Sequence[tuple[Cue, ...]]) -> Floats:
    """Return texts by states: the model's probabilities, half of them moved to the states of the cues, if any."""
    read = np.zeros((len(cues), len(EMOTIONAL_STATES)))
    read[:, _places()] = scores.probabilities
    for row, own in enumerate(cues):
        if own:
            read[row] *= 1 - CUES_WEIGH
            for cue in own:
                read[row, EMOTIONAL_STATES.index(cue.state)] += CUES_WEIGH / len(own)
    return read


@cache
def _places() -> Ints:
    """Return the place of each label of the head among the states of the domain."""
    return np.array([list(EMOTIONAL_STATES).index(label) for label in head().labels])


@cache
def _label_of_state() -> Ints:
    """Return the label of the head for each state; any for one that it has not learnt, whose words are not told."""
    labels = np.zeros(len(EMOTIONAL_STATES), np.intp)
    labels[_places()] = np.arange(len(head().labels))
    return labels
