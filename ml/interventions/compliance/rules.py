"""Load the rules of the gates, which are data: id, gate, text and source."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from ml.errors import CatalogueError
from ml.language.patterns import read_data_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a gate."""

    id: str
    gate: str
    text: str
    source: str
    #: number of days in the rule, if it has one
    days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All rules of the gates."""

    version: str
    rules: Mapping[str, Rule]

    def __getitem__(self, rule_id: str) -> Rule:
        """Return a rule by its id."""
        return self.rules[rule_id]


def load(text: str) -> Rules:
    """Return the rules in a data file.

    Raises:
        CatalogueError: the text is no TOML, has no rules, or has one twice or one that is incomplete.

    >>> load("version = '1'")
    Traceback (most recent call last):
    ...
    ml.errors.CatalogueError: gates.toml holds no rules: install Hearth again

    """
    try:
        data = tomllib.loads(text)
        listed = [Rule(**table) for table in data.get("rule", ())]
        rules = Rules(version=str(data["version"]), rules={rule.id: rule for rule in listed})
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise CatalogueError(f"gates.toml cannot be read ({type(error).__name__}): install Hearth again") from None
    if not listed:
        raise CatalogueError("gates.toml holds no rules: install Hearth again")
    if len(rules.rules) < len(listed):
        raise CatalogueError("gates.toml holds a rule twice: install Hearth again")
    return rules


RULES = load(read_data_file(__package__, "gates.toml"))
