"""The rules of the gates, as data: id, gate, text and source."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from ml.errors import CatalogueError
from ml.language.patterns import shipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a gate."""

    id: str
    gate: str
    text: str
    source: str
    #: days that a rule speaks of
    days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All rules of the gates."""

    version: str
    rules: Mapping[str, Rule]

    def __getitem__(self, rule_id: str) -> Rule:
        """Give a rule by its id."""
        return self.rules[rule_id]


def load(text: str) -> Rules:
    """Read the rules.

    Raises:
        CatalogueError: the text is no TOML, holds no rules, or holds one twice or one that lacks something.

    >>> load("version = '1'")
    Traceback (most recent call last):
    ...
    ml.errors.CatalogueError: gates.toml holds no rules: install Hearth again

    """
    try:
        told = tomllib.loads(text)
        listed = [Rule(**one) for one in told.get("rule", ())]
        rules = Rules(version=str(told["version"]), rules={rule.id: rule for rule in listed})
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise CatalogueError(f"gates.toml cannot be read ({type(error).__name__}): install Hearth again") from None
    if not listed:
        raise CatalogueError("gates.toml holds no rules: install Hearth again")
    if len(rules.rules) < len(listed):
        raise CatalogueError("gates.toml holds a rule twice: install Hearth again")
    return rules


RULES = load(shipped(__package__, "gates.toml"))
