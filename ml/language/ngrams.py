"""Hashed n-grams of many texts at once: words, pairs of words, and letters within words, as 32-bit CRCs.

A vocabulary of n-grams would be text of the data that it was learnt from, so a model keeps hashes. They are looked up
whole in a sorted list: a table of fewer places, in which n-grams share weights by chance, costs a point of accuracy.

Letters are bytes of UTF-8: in English one each; an emoji is a run of four.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ml.arrays import Bools, Ints

Hashes = NDArray[np.uint32]
_Bytes = NDArray[np.uint8]
#: hashes with the bytes [start, end) that they stand for
_Part: TypeAlias = tuple[Hashes, Ints, Ints]

#: longest run of letters; the shortest is two
LONGEST = 5
#: how the hash of each kind begins, so that a word and the same run of letters are two features
_WORD, _LETTERS = b"w ", b"c "
#: runs of letters and digits, and of marks
_PARTS = re.compile(rb"[0-9A-Za-z'\x80-\xff]+|[^0-9A-Za-z'\x80-\xff]+")
_APOSTROPHES = str.maketrans("\u2019\u2018\u02bc`\u00b4", "'''''")


def _byte_classes() -> _Bytes:
    """Return, by byte, 0 for what parts words, 1 for a letter or digit, 2 for a mark."""
    classes = np.full(256, 1, np.uint8)
    for byte in range(128):
        letter = chr(byte)
        classes[byte] = 0 if byte <= 32 or byte == 127 else 1 if letter.isalnum() or letter == "'" else 2
    return classes


def _crc_table() -> Hashes:
    """Return the table of CRC-32 by byte: reflected polynomial 0xEDB88320, as in zlib."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0xEDB88320), table >> 1).astype(np.uint32)
    return table


_CLASSES, _TABLE = _byte_classes(), _crc_table()


class Joined:
    """Texts as one run of bytes in lower case, each with a blank before and after.

    >>> Joined(["Hi", "A b"]).data
    b' hi a b '
    """

    def __init__(self, texts: Sequence[str]) -> None:
        """Join texts."""
        parts = [lowered(text).encode("utf-8", "replace") for text in texts]
        lengths = np.fromiter(map(len, parts), np.intp, len(parts))
        self.data = b" %b " % b" ".join(parts)
        self.codes = np.frombuffer(self.data, np.uint8)
        #: byte at which each text begins
        self.offsets = np.cumsum(lengths + 1) - lengths

    def texts_at(self, starts: Ints) -> Ints:
        """Return of which text each n-gram is; one of letters may begin with the blank before its text."""
        return np.searchsorted(self.offsets, starts + 1, side="right") - 1

    def characters(self, text: int, places: Ints) -> Ints:
        """Return places in `data` as characters of a text."""
        if len(self.data) == self._begins[-1]:
            return places - int(self.offsets[text])
        return self._begins[places] - int(self._begins[self.offsets[text]])

    @cached_property
    def _begins(self) -> Ints:
        """Count the characters before each byte."""
        return np.concatenate(([0], np.cumsum((self.codes & 0xC0) != 0x80)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grams:
    """The n-grams of some texts, one entry an occurrence: the single words, then pairs of them, then letters."""

    joined: Joined
    hashes: Hashes
    #: of which text, from 0
    texts: Ints
    #: bytes [start, end) of `joined.data`
    starts: Ints
    ends: Ints
    #: how many of the entries are single words, and how many words and pairs
    words: int
    letters_from: int


def grams(texts: Sequence[str]) -> Grams:
    """Return the n-grams of texts.

    >>> found = grams(["Not bad", "bad"])
    >>> found.words, found.texts[:3].tolist(), bool(found.hashes[1] == found.hashes[2])
    (3, [0, 0, 1], True)
    """
    joined = Joined(texts)
    classes = _CLASSES[joined.codes]
    single, pairs = _words(joined, classes)
    parts = (single, pairs, *_letters(joined.codes, classes == 0))
    hashes, starts, ends = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Grams(
        joined=joined,
        hashes=hashes,
        texts=joined.texts_at(starts),
        starts=starts,
        ends=ends,
        words=len(single[0]),
        letters_from=len(single[0]) + len(pairs[0]),
    )


def lowered(text: str) -> str:
    """Return a text in lower case, letter for letter."""
    if text.isascii():
        return text.lower()
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)
    return lowered.translate(_APOSTROPHES)


def places_in(known: Hashes, hashes: Hashes) -> Ints:
    """Return the place of each hash in a sorted list that is not empty, -1 where it is not there.

    >>> places_in(np.array([3, 5], np.uint32), np.array([5, 4, 9], np.uint32)).tolist()
    [1, -1, -1]
    """
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.where(known[places] == hashes, places, -1)


def distinct(hashes: Hashes, texts: Ints, rows: int) -> list[Hashes]:
    """Return the sorted, distinct hashes of each of so many texts.

    >>> found = grams(["a a", ""])
    >>> [len(one) for one in distinct(found.hashes, found.texts, 2)]
    [5, 0]
    """
    keys = np.unique(texts.astype(np.uint64) << np.uint64(32) | hashes)
    cuts = np.searchsorted(keys >> np.uint64(32), np.arange(rows + 1))
    kept = keys.astype(np.uint32)
    return [kept[first:last] for first, last in pairwise(cuts)]


def of_run(run: bytes) -> tuple[list[int], list[int], bytes]:
    """Return the n-grams of a run of lower-case letters without a blank: of its words, of all else, and its first word.

    What `grams` returns of a text is this of its runs, and the pairs of words from run to run.

    >>> words, others, first = of_run(b"ok!")
    >>> len(words), len(others), first
    (2, 11, b'ok')
    """
    crc, padded = zlib.crc32, b" %b " % run
    found = _PARTS.findall(run)
    words = [crc(word, crc(_WORD)) for word in found]
    others = [crc(after, crc(b" ", before)) for before, after in zip(words, found[1:], strict=False)]
    begun, size = crc(_LETTERS), len(padded)
    for length in range(2, LONGEST + 1):
        others += [crc(padded[start : start + length], begun) for start in range(size - length + 1)]
    return words, others, found[0]


def _words(joined: Joined, classes: _Bytes) -> tuple[_Part, _Part]:
    """Return single words and pairs of words: a word is a run of letters and digits, or of marks."""
    edges = np.flatnonzero(np.diff(classes)) + 1
    inside = classes[edges] != 0
    # the run of bytes begins and ends with a blank, so each edge that begins a word has one after it
    starts, ends = edges[inside], edges[np.flatnonzero(inside) + 1]
    crc, data = zlib.crc32, joined.data
    before = crc(_WORD)
    first: list[int] = []
    second: list[int] = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        word = data[start:end]
        hashed = crc(word, crc(_WORD))
        first.append(hashed)
        second.append(crc(word, before))
        before = crc(b" ", hashed)
    owners = joined.texts_at(starts)
    together = np.flatnonzero(owners[1:] == owners[:-1]) + 1
    pairs = np.array(second, np.uint32)[together]
    return (np.array(first, np.uint32), starts, ends), (pairs, starts[together - 1], ends[together])


def _letters(codes: _Bytes, blank: Bools) -> list[_Part]:
    """Return the runs of two to five letters that no blank parts; one may stand at either end.

    A CRC of a run is that of a shorter one, taken one byte further.
    """
    starts = np.flatnonzero(~(blank[:-1] & blank[1:]))
    plain = np.where(blank, np.uint8(32), codes)
    crc = np.full(len(starts), zlib.crc32(_LETTERS) ^ 0xFFFFFFFF, np.uint32)
    crc = _further(crc, plain[starts])
    parts: list[_Part] = []
    for length in range(2, LONGEST + 1):
        last = starts + (length - 1)
        crc = _further(crc, plain[last])
        parts.append((~crc, starts, last + 1))
        goes_on = ~blank[last] & (last + 1 < len(codes))
        starts, crc = starts[goes_on], crc[goes_on]
    return parts


def _further(crc: Hashes, codes: _Bytes) -> Hashes:
    longer: Hashes = _TABLE[(crc ^ codes) & 0xFF] ^ (crc >> 8)
    return longer
