"""Hashed n-grams: the same as zlib's CRCs of what they stand for, each at its place in its text."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.language.ngrams import LONGEST, distinct, grams, lowered, of_run, places_in

TEXTS = st.lists(st.text(alphabet="aB c'!?\u00e9\u2019\U0001f602\n\u0130", max_size=20), min_size=1, max_size=4)


@given(TEXTS)
@settings(max_examples=150, deadline=None)
def test_every_hash_is_the_crc_of_its_bytes(texts):
    found = grams(texts)
    data, bounds = found.joined.data, zip(found.hashes, found.starts, found.ends, strict=True)
    for place, (hashed, start, end) in enumerate(bounds):
        gram = bytes(max(32, byte) for byte in data[start:end])
        if place < found.words:
            assert hashed == zlib.crc32(b"w " + gram)
        elif place >= found.letters_from:
            assert hashed == zlib.crc32(b"c " + gram)
            assert 2 <= len(gram) <= LONGEST
            assert b" " not in gram[1:-1]


@given(TEXTS)
@settings(max_examples=100, deadline=None)
def test_texts_read_together_are_those_read_alone(texts):
    found = grams(texts)
    together = distinct(found.hashes, found.texts, len(texts))
    for text, own in zip(texts, together, strict=True):
        alone = grams([text])
        assert own.tolist() == np.unique(alone.hashes).tolist()


@given(TEXTS)
@settings(max_examples=100, deadline=None)
def test_a_words_characters_are_its_own(texts):
    found = grams(texts)
    for place in range(found.words):
        text = int(found.texts[place])
        start, end = found.joined.characters(text, np.array([found.starts[place], found.ends[place]])).tolist()
        said = found.joined.data[found.starts[place] : found.ends[place]].decode()
        assert lowered(texts[text][start:end]) == said


@pytest.mark.parametrize("run", ["ok", "ok!", "don't", "(caf\u00e9)", "a", "!!", "\U0001f602wow"])
def test_a_run_has_the_ngrams_of_its_text(run):
    words, others, first = of_run(run.encode())
    found = grams([run])
    assert sorted([*words, *others]) == sorted(found.hashes.tolist())
    assert words == found.hashes[: found.words].tolist()
    assert run.encode().startswith(first)


def test_a_curly_apostrophe_and_capitals_change_nothing():
    assert grams(["I DON\u2019T know"]).hashes.tolist() == grams(["i don't know"]).hashes.tolist()


def test_unknown_hashes_have_no_place():
    known = np.array([2, 5, 9], np.uint32)
    assert places_in(known, np.array([9, 1, 10, 2], np.uint32)).tolist() == [2, -1, -1, 0]
