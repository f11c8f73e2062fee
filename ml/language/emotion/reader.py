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

from domain.emotions import EMOTIONAL_STATES, EmotionalState
from ml.arrays import Floats
from ml.errors import ArtifactKindError
from ml.language.emotion import weights
from ml.language.emotion.cues import Cue, cues_checksum, find_cues
from ml.language.emotion.evidence import evidence
from ml.language.emotion.head import Head
from ml.language.emotion.lookup import Found, Lookup
from ml.language.results import Evidence, NoTone, Tone

#: of the code that reads: one more whenever it reads the same text otherwise with the same weights and cues
_READING = 1
#: changes when the same text would be read otherwise
VERSION = f"{_READING}-{weights.checksum()[:8]}-{cues_checksum()[:8]}"
#: confidence from which the model is right nine times in ten, on comments that it did not learn from
SURE = 0.85
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
    learnt = [row for some in steps for row in _lookup().look_up(some).probabilities.tolist()]
    rows = [list(_shares(own, find_cues(text)).values()) for own, text in zip(learnt, texts, strict=True)]
    return np.array(rows).reshape(len(texts), len(EMOTIONAL_STATES))


def _read(texts: Sequence[str], languages: Sequence[str]) -> list[Tone]:
    looked = _lookup().look_up(texts)
    return [_tone(*read) for read in zip(texts, languages, looked.texts, looked.probabilities.tolist(), strict=True)]


def _tone(text: str, language: str, found: Found, learnt: list[float]) -> Tone:
    cues = find_cues(text) if language in LANGUAGES else ()
    why_not = _why_not(text, language, found.known, cues)
    if why_not:
        return Tone(state=None, confidence=0.0, known=found.known, why_not=why_not)
    shares = _shares(learnt, cues)
    state = max(shares, key=shares.__getitem__)
    spans = _evidence(text, state, found, cues)
    return Tone(state=state, confidence=shares[state], probabilities=shares, evidence=spans, known=found.known)


def _why_not(text: str, language: str, known: float, cues: tuple[Cue, ...]) -> NoTone | None:
    """Return why the tone of a text is not told; a phrase that speaks for itself needs no more words."""
    if language not in LANGUAGES:
        return "other_language"
    if cues:
        return None
    if len(_LETTERS.findall(text)) < LEAST_WORDS:
        return "too_short"
    return "unknown_words" if known < LEAST_KNOWN else None


def _shares(learnt: Sequence[float], cues: tuple[Cue, ...]) -> dict[EmotionalState, float]:
    """Return the probability of each state: the model's, half of it moved to the states of the cues, if any."""
    shares = dict.fromkeys(EMOTIONAL_STATES, 0.0)
    kept = 1 - CUES_WEIGH if cues else 1.0
    for state, share in zip(_states(), learnt, strict=True):
        shares[state] = round(kept * share, 6)
    for cue in cues:
        shares[cue.state] += CUES_WEIGH / len(cues)
    return shares


def _evidence(text: str, state: EmotionalState, found: Found, cues: tuple[Cue, ...]) -> tuple[Evidence, ...]:
    """Return the phrases, then the words, that speak for a state; "neutral" is what is left when none do."""
    rules = tuple(
        Evidence(start=cue.start, end=cue.end, weight=CUES_WEIGH, source="rule", rule=cue.id)
        for cue in cues
        if cue.state == state
    )
    states = _states()
    if state == "neutral" or state not in states:
        return rules
    return rules + evidence(text, found, _lookup(), states.index(state))


@cache
def _states() -> tuple[EmotionalState, ...]:
    """Return the labels of the head. Raises ArtifactKindError where one is no state of the domain."""
    states = tuple(state for label in head().labels for state in EMOTIONAL_STATES if state == label)
    if len(states) < len(head().labels):
        raise ArtifactKindError(ArtifactKindError.__doc__)
    return states


@cache
def _lookup() -> Lookup:
    return Lookup(head())
