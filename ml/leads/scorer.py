"""The lead scorer: the chance that a lead closes, with the reasons for and against it."""

from __future__ import annotations

from ml.ensemble.scorer import EnsembleScorer
from ml.leads.results import LeadScore, assemble
from ml.profiles import FeatureMatrix


class LeadScorer(EnsembleScorer):
    """Score leads by a model fitted to closed ones.

    >>> rows = [{"showings": float(i % 5), "source": "referral" if i % 3 else "portal"} for i in range(300)]
    >>> labels = [i % 5 > 2 for i in range(300)]
    >>> scorer = LeadScorer().fit(FeatureMatrix.from_rows(rows), labels, seed=0)
    >>> lead = scorer.score(FeatureMatrix.from_rows([{"showings": 4.0, "source": "portal"}]))[0]
    >>> lead.probability, lead.up[0].text
    (0.99, '4 showings')
    """

    kind = "lead_score"

    def score(self, matrix: FeatureMatrix, *, explain: int = 3) -> list[LeadScore]:
        """Score leads, each with up to `explain` reasons for and against it. Raises NotFittedError."""
        return assemble(self.explained(matrix), explain=explain)
