"""Read numbers that are written as words: "four hundred fifty thousand", "half a million", "three"."""

from __future__ import annotations

import re

_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
#: small numbers of English and Spanish, without accents
SMALL = {word: value for value, word in enumerate([*_ONES, *_TEENS], start=1)} | {
    "un": 1,
    "una": 1,
    "uno": 1,
    "dos": 2,
    "tres": 3,
    "cuatro": 4,
    "cinco": 5,
    "seis": 6,
    "siete": 7,
    "ocho": 8,
    "nueve": 9,
    "diez": 10,
    "once": 11,
    "doce": 12,
    "couple": 2,
    "couple of": 2,
}
#: one of the small numbers up to twelve, for patterns
SMALL_WORD = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|una?|dos|tres|cuatro|cinco|seis|siete|ocho)"
)
_TEN = {word: 10 * value for value, word in enumerate(_TENS, start=2)}
_ONE = {word: value for value, word in enumerate(_ONES, start=1)}
_SPANISH = (
    r"medio|media|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|veinte|treinta|cuarenta|cincuenta|sesenta|setenta"
    r"|ochenta|noventa|cien|ciento|[a-z]{3,6}cientos|quinientos|mil|millon|millones|un"
)
_ENGLISH = (
    r"half|quarter|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[a-z]{3,5}teen|twenty|thirty"
    r"|forty|fourty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|point|couple|grand"
)
#: a run of number words, at most twelve
WORDS = rf"(?:{_ENGLISH}|{_SPANISH})(?:[ -](?:and |of |y )?(?:{_ENGLISH}|{_SPANISH})\b){{1,11}}"
_HALF = re.compile(r"(.{0,30}?) ?(?:and a half (million|thousand)|(million|thousand) and a half)")
_POINT = re.compile(r"(.{1,40}) point (.{1,40}) (million|thousand|hundred thousand)")
_COUNTED = re.compile(r"(?:a )?(couple|quarter|half)(?: of)?(?: an?)? (hundred thousand|million|thousand)")
_SCALE = {"thousand": 1e3, "hundred thousand": 1e5, "million": 1e6, "millon": 1e6}
_COUNT = {"couple": 2.0, "quarter": 0.25, "half": 0.5}


def spoken_value(words: str) -> float | None:
    """Return the number that folded words say; None where they say none.

    >>> spoken_value("four hundred fifty thousand"), spoken_value("half a million")
    (450000.0, 500000.0)
    >>> spoken_value("one point two million"), spoken_value("a million and a half")
    (1200000.0, 1500000.0)
    >>> spoken_value("four fifty"), spoken_value("cuatrocientos cincuenta mil")
    (450.0, 450000.0)
    """
    words = words.replace("-", " ").replace("fourty", "forty").replace("grand", "thousand").strip()
    if words in {"medio millon", "medio un millon"}:
        return 500_000.0
    return _of_parts(words) or _hundreds_left_out(words) or _by_library(words)


def _of_parts(words: str) -> float | None:
    """Return the number of words with a half, a quarter, a couple or a point."""
    counted = _COUNTED.fullmatch(words)
    if counted:
        return _COUNT[counted[1]] * _SCALE[counted[2]]
    half = _HALF.fullmatch(words)
    if half:
        whole = _whole(half[1])
        return None if whole is None else (whole + 0.5) * _SCALE[half[2] or half[3]]
    point = _POINT.fullmatch(words)
    if point:
        digits = [_ONE.get(word) or _TEN.get(word) for word in point[2].split()]
        whole = _whole(point[1])
        if whole is not None and all(digits):
            return float(f"{whole:.0f}.{''.join(map(str, digits))}") * _SCALE[point[3]]
    return None


def _whole(words: str) -> float | None:
    return 1.0 if words in {"", "a", "an"} else _by_library(words)


def _hundreds_left_out(words: str) -> float | None:
    """Return 450 for "four fifty" and 475 for "four seventy five": how prices are said."""
    first, *rest = words.split()
    if first not in _ONE or not rest or rest[0] not in _TEN or len(rest) > 2 or (rest[1:] and rest[1] not in _ONE):
        return None
    return float(100 * _ONE[first] + _TEN[rest[0]] + (_ONE[rest[1]] if rest[1:] else 0))


def _by_library(words: str) -> float | None:
    # loaded here: a message with a number in words is rare, and the library takes a moment to load
    from text_to_num import text2num

    plain = words.removeprefix("a ").removeprefix("an ")
    plain = f"one {plain}" if plain in {"million", "thousand", "hundred"} else plain
    for language in ("en", "es"):
        try:
            return float(text2num(plain, language))
        except ValueError:
            continue
    return None
