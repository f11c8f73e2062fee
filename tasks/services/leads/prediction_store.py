"""Store what models and rules answer: one row each, with a row of the audit chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db.records import PredictionDraft
from db.repositories.predictions import predictions
from db.session import Session
from tasks.runtime.context import TaskContext


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPredictions:
    """Predictions as they are stored now."""

    #: each prediction with its id; those of leads that were restricted meanwhile are left out
    saved: tuple[tuple[PredictionDraft, str], ...]
    #: ids of those that are new; an unchanged one keeps the id that it had
    new: frozenset[str]
    #: lead -> band and probability of its newest prediction before
    before: Mapping[str, tuple[str, float] | None]

    def fresh(self) -> list[tuple[PredictionDraft, str]]:
        """Return those that are new."""
        return [(draft, prediction_id) for draft, prediction_id in self.saved if prediction_id in self.new]


def store(session: Session, context: TaskContext, drafts: Sequence[PredictionDraft], *, kind: str) -> StoredPredictions:
    """Store each prediction once, with its audit row; `before` of the result holds predictions of this `kind`.

    A lead that was restricted since its snapshot was taken gets none.
    """
    before = predictions.bands(session, context.tenant_id, kind=kind, lead_ids=[draft.lead_id for draft in drafts])
    allowed = [draft for draft in drafts if draft.lead_id in before]
    saved = predictions.save_each(session, context.tenant_id, drafts=allowed, now=context.now) if allowed else []
    stored = StoredPredictions(
        saved=tuple((draft, prediction_id) for draft, (prediction_id, _) in zip(allowed, saved, strict=True)),
        new=frozenset(prediction_id for prediction_id, new in saved if new),
        before=before,
    )
    for draft, prediction_id in stored.fresh():
        context.audit(
            "prediction",
            prediction_id=prediction_id,
            lead_id=draft.lead_id,
            snapshot_id=draft.snapshot_id,
            of=draft.kind,
            model=draft.model_version,
            probability=draft.probability,
            as_of=draft.as_of,
        )
    return stored
