"""Check copy before it is sent: fair housing, promises, credit terms, placeholders, personal data.

Phrases and shapes are data (`fair_housing.toml`, `copy_check.toml`). The check runs on everything that Hearth writes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from domain.documents import TomlMapping
from ml.errors import CatalogueError
from ml.interventions.wording import fair_housing
from ml.language.patterns import (
    Finding,
    PhraseCatalogue,
    PhraseEntry,
    Tier,
    load_phrases,
    parse_entry,
    read_data_file,
    version_of,
)
from ml.language.phrases import find_phrases, worst_tier

__all__ = ["VERSION", "Finding", "Shape", "Tier", "catalogue", "check_copy", "load_shapes", "shapes", "worst_tier"]


@dataclass(frozen=True, slots=True)
class Shape:
    """An entry that is recognised by the shape of the text, such as a phone number, and not by words."""

    entry: PhraseEntry
    pattern: re.Pattern[str]


def load_shapes(text: str) -> tuple[Shape, ...]:
    """Return the shapes in a data file.

    Raises:
        CatalogueError: the text is no TOML, has no shapes, or one that cannot be read.

    """
    try:
        shapes = tuple(_parse_shape(table) for table in tomllib.loads(text).get("shape", ()))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, re.error) as error:
        raise CatalogueError(f"copy_check.toml cannot be read ({type(error).__name__}): install Hearth again") from None
    if not shapes:
        raise CatalogueError("copy_check.toml holds no shapes: install Hearth again")
    return shapes


def check_copy(text: str) -> list[Finding]:
    """Return everything in a text that must not be sent, is doubtful or deserves a hint, in the order of the text.

    >>> [(found.id, found.tier) for found in check_copy("Hi {{first_name}}, adults only in a safe neighborhood!")]
    [('placeholder.braces', 'block'), ('fh.adults_only', 'block'), ('fh.safe_area', 'warn')]
    >>> check_copy("Three new homes near the park came up this week. Shall I send them?")
    []
    """
    findings = [*find_phrases(text, catalogue()), *_shapes(text)]
    return sorted(findings, key=lambda finding: (finding.start, -finding.end, finding.id))


_TEXT = read_data_file(__package__, "copy_check.toml")
#: that of `catalogue`, without reading it
VERSION = version_of(fair_housing.TEXT, _TEXT)


@cache
def catalogue() -> PhraseCatalogue:
    """Return the phrases of all copy, fair housing among them.

    Read once, by whoever first checks copy: it takes a second, and a list of calls holds none.
    """
    return load_phrases({"fair_housing.toml": fair_housing.TEXT, "copy_check.toml": _TEXT})


@cache
def shapes() -> tuple[Shape, ...]:
    """Return what is recognised by its shape; read once."""
    return load_shapes(_TEXT)


def _shapes(text: str) -> Iterator[Finding]:
    for shape in shapes():
        for match in shape.pattern.finditer(text):
            yield shape.entry.finding(match.start(), match.end())


def _parse_shape(table: TomlMapping) -> Shape:
    return Shape(entry=parse_entry(table), pattern=re.compile(table["shape"]))
