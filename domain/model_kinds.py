"""The kinds of model by the names that callers use, and the words in which people read about them.

This is the light half of a kind, which requests, the command line and the model card read without loading numpy. How a
kind is trained, served and explained is in `tasks.services.models.model_kinds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal["tenant", "pooled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindWords:
    """The words of a model kind in tables and on its card."""

    #: who it is that answers, as a heading
    serves: str
    #: what it learns from, one row each: in a table, and on the card
    unit: str
    rows: str
    #: how those rows were made
    each: str
    #: what a lead is for which it came true, and what such leads are called
    ended: str
    ends: str
    #: what three in ten of those scored 30 % should do
    outcome_verb: str
    #: a pair that it is to put in order
    pair: str
    #: leads of the highest scores are these
    highest: str
    #: the heading of what a list by score is good for
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KindLabel:
    """A model kind as callers and people know it."""

    #: as requests, models and predictions name it
    name: str
    #: whose leads it may learn from: the tenant's own, or those of all tenants that agreed to share
    scopes: tuple[Scope, ...]
    words: KindWords


LEAD_SCORE = KindLabel(
    name="lead_score",
    scopes=("tenant", "pooled"),
    words=KindWords(
        serves="who scores",
        unit="leads",
        rows="leads",
        each="each once",
        ended="won",
        ends="wins",
        outcome_verb="close",
        pair="one won and one lost lead, the won one above",
        highest="best",
        first="Whom to call first",
    ),
)
CHURN = KindLabel(
    name="churn",
    scopes=("tenant",),
    words=KindWords(
        serves="who tells the risk of going cold",
        unit="snapshots",
        rows="snapshots of leads",
        each="each of one lead and one date, as it was known then",
        ended="gone cold",
        ends="leads gone cold",
        outcome_verb="go cold",
        pair="one lead that went cold and one that did not, the first above",
        highest="riskiest",
        first="Whom to look after first",
    ),
)
#: name -> label, in the order in which people read them
KIND_LABELS: dict[str, KindLabel] = {label.name: label for label in (LEAD_SCORE, CHURN)}


def words_of(kind: str) -> KindWords:
    """Return the words of a kind; those of lead scores for a kind that only a later version of Hearth knows."""
    return KIND_LABELS.get(kind, LEAD_SCORE).words
