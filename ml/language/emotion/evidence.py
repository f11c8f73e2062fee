"""Say which words of a text speak for a state, by the weights of the n-grams that lie in them."""

from __future__ import annotations

from ml.language.emotion.lookup import Found, Lookup
from ml.language.results import Evidence

#: most words that are named, and how much one must weigh beside the heaviest
MOST, LEAST_SHARE = 3, 0.5


def evidence(text: str, found: Found, lookup: Lookup, label: int) -> tuple[Evidence, ...]:
    """Return the words of a text that speak most for a label; words side by side are one span.

    Weights are those of `Lookup.speaks`.
    """
    weights = lookup.speaks(found, label)
    heaviest = sorted(range(len(weights)), key=lambda place: (-weights[place], place))[:MOST]
    if not heaviest or weights[heaviest[0]] <= 0:
        return ()
    least = LEAST_SHARE * weights[heaviest[0]]
    groups: list[list[int]] = []
    for place in sorted(place for place in heaviest if weights[place] >= least):
        if groups and groups[-1][-1] == place - 1:
            groups[-1].append(place)
        else:
            groups.append([place])
    return tuple(_span(text, found, group, sum(weights[place] for place in group)) for group in groups)


def _span(text: str, found: Found, group: list[int], weight: float) -> Evidence:
    """Return a span without the marks at its ends."""
    start, end = (
        _character(text, found.data, place) for place in (found.spans[group[0]][0], found.spans[group[-1]][1])
    )
    if any(map(str.isalnum, text[start:end])):
        while not text[start].isalnum():
            start += 1
        while not text[end - 1].isalnum():
            end -= 1
    return Evidence(start=start, end=end, weight=round(weight, 4), source="model")


def _character(text: str, data: bytes, place: int) -> int:
    """Return a byte of the lower-case text as a character of the text."""
    return place if len(data) == len(text) else len(data[:place].decode("utf-8"))
