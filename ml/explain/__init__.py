"""Explanations: reasons in plain words, what would change a score, similar leads, and what counts over all leads."""

from __future__ import annotations

from ml.explain.wording import OTHER, Reason, RestPart, ago, describe, number

__all__ = ["OTHER", "Reason", "RestPart", "ago", "describe", "number"]
