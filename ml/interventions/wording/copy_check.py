"""All that is asked of copy before it leaves: fair housing, promises, credit terms, placeholders, personal data.

Phrases and shapes are data (`fair_housing.toml`, `copy_check.toml`). It runs on everything Hearth itself writes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ml.errors import CatalogueError
from ml.interventions.wording import fair_housing
from ml.language.patterns import Catalogue, Entry, Finding, Tier, entry_of, load, shipped
from ml.language.phrases import find, worst

__all__ = ["CATALOGUE", "SHAPES", "Finding", "Shape", "Tier", "check", "load_shapes", "worst"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Something told by its shape, not by its words."""

    entry: Entry
    pattern: re.Pattern[str]


def load_shapes(text: str) -> tuple[Shape, ...]:
    """Read the shapes.

    Raises:
        CatalogueError: the text is no TOML, holds no shapes, or one that cannot be read.

    """
    try:
        shapes = tuple(_shape(one) for one in tomllib.loads(text).get("shape", ()))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, re.error) as error:
        raise CatalogueError(f"copy_check.toml cannot be read ({type(error).__name__}): install Hearth again") from None
    if not shapes:
        raise CatalogueError("copy_check.toml holds no shapes: install Hearth again")
    return shapes


def check(text: str) -> list[Finding]:
    """Find everything in a text that may not leave, is doubtful or worth a hint, in the order of the text.

    >>> [(one.id, one.tier) for one in check("Hi {{first_name}}, adults only in a safe neighborhood!")]
    [('placeholder.braces', 'block'), ('fh.adults_only', 'block'), ('fh.safe_area', 'warn')]
    >>> check("Three new homes near the park came up this week. Shall I send them?")
    []
    """
    found = [*find(text, CATALOGUE), *_shapes(text)]
    return sorted(found, key=lambda one: (one.start, -one.end, one.id))


def _shapes(text: str) -> Iterator[Finding]:
    for shape in SHAPES:
        for match in shape.pattern.finditer(text):
            yield shape.entry.finding(match.start(), match.end())


def _shape(one: Mapping[str, Any]) -> Shape:
    return Shape(entry=entry_of(one), pattern=re.compile(one["shape"]))


_TEXT = shipped(__package__, "copy_check.toml")
#: fair housing among them
CATALOGUE: Catalogue = load({"fair_housing.toml": fair_housing.TEXT, "copy_check.toml": _TEXT})
SHAPES = load_shapes(_TEXT)
