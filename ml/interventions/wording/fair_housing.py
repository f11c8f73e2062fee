"""Check copy for fair housing: what the law forbids to say about who may live somewhere.

`block` is never sent, `warn` needs a person's decision, `info` is a hint. The catalogue is data, `fair_housing.toml`;
it is not legal advice.
"""

from __future__ import annotations

from functools import cache

from ml.language.patterns import Finding, PhraseCatalogue, Tier, load_phrases, read_data_file
from ml.language.phrases import find_phrases

__all__ = ["TEXT", "Finding", "PhraseCatalogue", "Tier", "catalogue", "check_fair_housing"]

#: the catalogue's text, for a caller that combines it with others
TEXT = read_data_file(__package__, "fair_housing.toml")


@cache
def catalogue() -> PhraseCatalogue:
    """Return the phrases of fair housing alone; read once, by whoever checks copy."""
    return load_phrases({"fair_housing.toml": TEXT})


def check_fair_housing(text: str, phrases: PhraseCatalogue | None = None) -> list[Finding]:
    """Return what a text says about who may live somewhere, in the order of the text.

    >>> text = "Adults only! Mature maples, family room, no kidding."
    >>> [(found.id, found.tier) for found in check_fair_housing(text)]
    [('fh.adults_only', 'block')]
    """
    return find_phrases(text, phrases or catalogue())
