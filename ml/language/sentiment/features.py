"""Features of a text for the sentiment head: hashed words and pairs with negation marks, and lexicon figures."""

from __future__ import annotations

import math
import re
import zlib
from dataclasses import dataclass

from ml.language.sentiment.lexicons import LexiconReading

#: most characters that are read
_LONGEST = 4_000
_PIECE = re.compile(
    r"[^\W\d_]+(?:'[^\W\d_]+)*|[:;=][-o^']?[)\](\[dp/\\|*@]+|<3|[!?.,;:]+|[^\w\s]|\d+",
)
_ENDS = frozenset(".,;:!?")
_NEGATES = frozenset(
    """not no never none nothing nobody neither nor cannot cant dont doesnt didnt wont isnt arent wasnt werent wouldnt
    couldnt shouldnt hardly barely without aint lacks lack""".split()  # noqa: SIM905 - lines of words read better
)
#: names of the figures that `lexical` returns, in order
LEXICAL = (
    "compound",
    "positive",
    "negative",
    "textblob",
    "strength",
    "subjectivity",
    "assessed",
    "compound_neutral",
    "length",
    "product",
    "compound_square",
    "textblob_square",
    "no_vader",
    "no_textblob",
)


@dataclass(frozen=True, slots=True)
class Ngrams:
    """The distinct n-grams of a text as 32-bit hashes."""

    words: frozenset[int]
    pairs: frozenset[int]

    def __len__(self) -> int:
        """Return the number of n-grams."""
        return len(self.words) + len(self.pairs)


def ngrams(text: str) -> Ngrams:
    """Return the words of a text and their pairs; between a negation and the next mark or "but" they are other words.

    >>> plain, negated = ngrams("good house"), ngrams("not good house")
    >>> len(plain), plain.words & negated.words
    (4, frozenset())
    """
    # in the order of the text: sums over a set of strings would differ in the last digit from process to process
    words: dict[str, None] = {}
    pairs: dict[str, None] = {}
    before, mark = "^", ""
    for piece in _PIECE.findall(text[:_LONGEST].lower().replace("\u2019", "'")):
        if piece[0] in _ENDS and piece[-1] in _ENDS:
            if piece[0] in "!?":
                words["p" + piece[:2]] = None
            before, mark = "^", ""
            continue
        marked = mark + piece
        words[marked] = None
        pairs[f"{before} {marked}"] = None
        before = marked
        if piece == "but":
            mark = ""
        elif piece in _NEGATES or piece.endswith("n't"):
            mark = "~"
    return Ngrams(
        frozenset([zlib.crc32(word.encode()) for word in words]),
        frozenset([zlib.crc32(pair.encode()) for pair in pairs]),
    )


def lexical(reading: LexiconReading, length: int) -> tuple[float, ...]:
    """Return the figures of `LEXICAL` for a text of `length` n-grams, each about -1 to 1.

    >>> reading = LexiconReading(0.5, 0.3, 0.0, 0.0, 0.2, 0)
    >>> figures = dict(zip(LEXICAL, lexical(reading, 10), strict=True))
    >>> figures["compound"], figures["no_textblob"]
    (0.5, 1.0)
    """
    compound, textblob = reading.compound, reading.textblob
    return (
        compound,
        reading.positive,
        reading.negative,
        textblob,
        abs(textblob),
        reading.subjectivity,
        min(reading.assessed, 6) / 6,
        compound * (1.0 - reading.positive - reading.negative),
        math.log1p(length) / 4,
        compound * textblob,
        compound * abs(compound),
        textblob * abs(textblob),
        float(compound == 0),
        float(textblob == 0),
    )
