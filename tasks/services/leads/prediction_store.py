"""What models and rules answer: one row each, with its proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from db.records import PredictionDraft
from db.repositories.predictions import predictions
from db.session import Session
from tasks.runtime.context import TaskContext


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPredictions:
    """Answers that are stored now."""

    #: each answer with its id; those of leads that were restricted meanwhile are left out
    saved: tuple[tuple[PredictionDraft, str], ...]
    #: ids of those that are new; an unchanged one is what it was
    new: frozenset[str]
    #: lead -> band and probability of its newest answer before
    before: Mapping[str, tuple[str, float] | None]

    def fresh(self) -> list[tuple[PredictionDraft, str]]:
        """Those that are new."""
        return [(draft, prediction_id) for draft, prediction_id in self.saved if prediction_id in self.new]


def store(session: Session, context: TaskContext, drafts: Sequence[PredictionDraft], *, kind: str) -> StoredPredictions:
    """Store answers once each, with their proof; `kind` is the one whose newest answers are given.

    A lead that was restricted since its snapshot was taken gets none.
    """
    before = predictions.bands(session, context.tenant_id, kind=kind, lead_ids=[draft.lead_id for draft in drafts])
    drafts = [draft for draft in drafts if draft.lead_id in before]
    stored = predictions.save_each(session, context.tenant_id, drafts=drafts, now=context.now) if drafts else []
    kept = StoredPredictions(
        saved=tuple((draft, prediction_id) for draft, (prediction_id, _) in zip(drafts, stored, strict=True)),
        new=frozenset(prediction_id for prediction_id, new in stored if new),
        before=before,
    )
    for draft, prediction_id in kept.fresh():
        context.audit("prediction", **_proof(draft, prediction_id))
    return kept


def _proof(draft: PredictionDraft, prediction_id: str) -> dict[str, Any]:
    return {
        "prediction_id": prediction_id,
        "lead_id": draft.lead_id,
        "snapshot_id": draft.snapshot_id,
        "of": draft.kind,
        "model": draft.model_version,
        "probability": draft.probability,
        "as_of": draft.as_of,
    }
