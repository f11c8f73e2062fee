"""The written scorecard: what scores leads until a tenant has closed enough of them to learn from.

Its weights are a judgement, in log-odds, and its probabilities are not calibrated on anyone's data: a result says that
the scorecard gave it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Self

import numpy as np

from ml.arrays import Bools, Floats, ModelState
from ml.ensemble.column_types import mask, numbers, read_codes
from ml.ensemble.explained import Explained, clamped
from ml.errors import ArtifactFormatError
from ml.explain import OTHER, describe
from ml.features.catalogue import group_of
from ml.features.contextual import normalised_level
from ml.leads.results import LeadScore, assemble
from ml.profiles import FeatureMatrix

#: changes with any weight
VERSION = "1"

#: log-odds of a lead of whom nothing is known: about one in ten closes
BASE = -2.2

#: count or share -> what it adds at the amount given; less adds in proportion, more adds no more
AMOUNTS: MappingProxyType[str, tuple[float, float]] = MappingProxyType(
    {
        "offers": (2.0, 2),
        "showings": (1.4, 4),
        "sms_in": (0.8, 10),
        "calls": (0.6, 6),
        "saved_listings": (0.6, 8),
        "emails_clicked": (0.5, 8),
        "listing_views": (0.5, 30),
        "emails_opened": (0.3, 15),
        "saved_searches": (0.3, 3),
        "searches": (0.3, 20),
        "site_visits": (0.3, 15),
        "response_rate": (0.6, 1),
        "recent_replies": (0.5, 3),
        "no_shows": (-0.8, 2),
    }
)

#: days since -> what it adds today, what it adds in the long run, days after which half of the way is gone
RECENCIES: MappingProxyType[str, tuple[float, float, float]] = MappingProxyType(
    {"reply_days": (1.0, -0.2, 7), "silence_days": (0.8, -0.8, 14), "age_days": (0.2, -0.3, 90)}
)

#: category -> level -> what it adds; a level that is not written adds nothing
LEVELS: MappingProxyType[str, MappingProxyType[str, float]] = MappingProxyType(
    {
        "preapproval": MappingProxyType({"cash": 1.1, "preapproved": 1.0, "started": 0.4, "none": -0.3}),
        "timeline": MappingProxyType({"0-3": 0.9, "3-6": 0.4, "6-12": -0.1, "12+": -0.6}),
        "lead_type": MappingProxyType({"seller": 0.3, "both": 0.4, "investor": 0.1, "renter": -0.3}),
        "source": MappingProxyType(
            {
                "referral": 0.8,
                "repeat client": 0.9,
                "open house": 0.4,
                "sign call": 0.4,
                "website": 0.2,
                "portal": -0.1,
                "social media": -0.3,
                "cold call": -0.5,
            }
        ),
        "stage": MappingProxyType(
            {
                "new": -0.3,
                "engaged": 0.4,
                "qualified": 0.8,
                "appointment": 1.1,
                "showing": 1.2,
                "offer": 1.8,
                "under contract": 3.0,
                "nurture": -0.4,
                "unresponsive": -1.2,
            }
        ),
    }
)


class Scorecard:
    """Scores leads by the written table, with the same results as the trained scorer.

    >>> card = Scorecard()
    >>> lead = card.score(FeatureMatrix.from_rows([{"showings": 4.0, "source": "referral"}]))[0]
    >>> [reason.text for reason in lead.up], round(lead.log_odds, 6)
    (['4 showings', 'source: referral'], 0.0)
    """

    kind = "scorecard"
    features_: tuple[str, ...] = (*AMOUNTS, *RECENCIES, *LEVELS)
    base_ = BASE

    def score(self, matrix: FeatureMatrix, *, explain: int = 3) -> list[LeadScore]:
        """Score leads, each with up to `explain` reasons for and against it."""
        return assemble(self.explained(matrix), explain=explain)

    def log_odds(self, matrix: FeatureMatrix) -> Floats:
        """Return each lead's log-odds."""
        return self.explained(matrix).log_odds()

    def probabilities(self, matrix: FeatureMatrix) -> Floats:
        """Return each lead's probability, 0.01 to 0.99."""
        return clamped(self.log_odds(matrix))

    def explained(self, matrix: FeatureMatrix) -> Explained:
        """Return what each feature adds to each lead's log-odds; what is not known adds nothing."""
        values = np.column_stack([numbers(matrix, name) for name in (*AMOUNTS, *RECENCIES)])
        levels = {name: _levels(matrix, name) for name in LEVELS}
        known = np.column_stack([~np.isnan(values), *(levels_known for _, levels_known, _ in levels.values())])
        contributions = np.column_stack([_numeric(values), *(added for added, _, _ in levels.values())])
        return Explained(
            features=self.features_,
            base=BASE,
            contributions=contributions,
            known=known,
            absurd=~known,
            contextual=mask([group_of(name) == "contextual" for name in self.features_]),
            text=lambda row, index: self._text(values, levels, row, index),
        )

    def state(self) -> ModelState:
        """Return the version of the table, for an artifact."""
        return {"version": VERSION}

    @classmethod
    def restore(cls, state: ModelState) -> Self:
        """Make the scorecard again. Raises ArtifactFormatError for another table than today's."""
        if state["version"] != VERSION:
            raise ArtifactFormatError("the scorecard's table has changed since; use the present one")
        return cls()

    def _text(self, values: Floats, levels: dict[str, tuple[Floats, Bools, list[str]]], row: int, index: int) -> str:
        name = self.features_[index]
        if index < values.shape[1]:
            return describe(name, float(values[row, index]))
        return describe(name, levels[name][2][row])


def _numeric(values: Floats) -> Floats:
    amounts, recencies = values[:, : len(AMOUNTS)], values[:, len(AMOUNTS) :]
    most, at = np.array(list(AMOUNTS.values())).T
    counted = most * np.clip(amounts / at, 0.0, 1.0)
    first, last, half_life = np.array(list(RECENCIES.values())).T
    faded = last + (first - last) * np.exp2(-np.maximum(recencies, 0.0) / half_life)
    added: Floats = np.nan_to_num(np.hstack([counted, faded]), nan=0.0)
    return added


def _levels(matrix: FeatureMatrix, name: str) -> tuple[Floats, Bools, list[str]]:
    written = [*LEVELS[name]]
    spellings = {level: normalised_level(level) for level in matrix.levels.get(name, ()) if isinstance(level, str)}
    code_of = {level: written.index(plain) for level, plain in spellings.items() if plain in written}
    codes = read_codes(matrix, name, code_of, len(written))
    added = np.array([*LEVELS[name].values(), 0.0, 0.0])
    return added[codes], codes <= len(written), [(*written, OTHER, OTHER)[code] for code in codes.tolist()]
