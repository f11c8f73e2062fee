"""Fair housing in copy: what the law forbids to say of who may live somewhere, as data.

`block` is never sent, `warn` asks for a person, `info` is a hint. The catalogue is `fair_housing.toml`; it is no legal
advice.
"""

from __future__ import annotations

from ml.language.patterns import Catalogue, Finding, Tier, load, shipped
from ml.language.phrases import find

__all__ = ["CATALOGUE", "TEXT", "Catalogue", "Finding", "Tier", "check"]

#: the catalogue's own text, for those who read it together with others
TEXT = shipped(__package__, "fair_housing.toml")
CATALOGUE = load({"fair_housing.toml": TEXT})


def check(text: str, catalogue: Catalogue = CATALOGUE) -> list[Finding]:
    """Find what a text says about who may live somewhere, in the order of the text.

    >>> [(found.id, found.tier) for found in check("Adults only! Mature maples, family room, no kidding.")]
    [('fh.adults_only', 'block')]
    """
    return find(text, catalogue)
