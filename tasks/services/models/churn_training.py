"""What the churn model is learnt from: one row a lead and week of the last half a year, a lead being one group."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from db.session import Session
from ml.churn.labels import HORIZON, Label
from ml.churn.training import METHOD, gate, known_rows, train, written
from ml.features import extract
from ml.leads import Training
from ml.training.promotion import Decision, decide
from tasks.contracts.models import TrainModel
from tasks.runtime.context import TaskContext
from tasks.services.models import churn_training_data, lead_training_data, model_registry
from tasks.services.models.dataset import Dataset, too_few


@dataclass(frozen=True, slots=True, kw_only=True)
class ChurnDataset(Dataset):
    """One row a labelled snapshot, also of those whose outcome is not known: they were followed for a while."""

    labels: tuple[Label, ...]
    #: what the written scorecard says of each row
    written: tuple[float, ...]
    champion: model_registry.ChurnChampion

    @property
    def truth(self) -> tuple[bool, ...]:
        """Whether each lead whose outcome is known went cold."""
        return tuple(bool(self.labels[row].churned) for row in known_rows(self.labels))

    def learn(self, seed: int) -> Training:
        """Train the three members; whoever is only followed tells when leads go cold."""
        return train(self.matrix, self.labels, seed=seed)

    def decide(self, training: Training, seed: int) -> Decision:
        """As of lead scores: against the base rate, and the scorecard or the champion on rows that it has not seen.

        Rows of one lead are drawn together.
        """
        known, truth, said = known_rows(self.labels), self.truth, training.out_of_fold
        if self.champion.retrain:
            return self._against(list(range(len(known))), said, None, "", seed)
        if self.champion.scorer is None:
            rival = tuple(self.written[row] for row in known)
            return self._against(list(range(len(known))), said, rival, "the scorecard", seed)
        fresh = [place for place, row in enumerate(known) if self._unseen(self.labels[row])]
        leads = {self.labels[known[place]].lead_id: truth[place] for place in fresh}
        if too_few(len(leads), list(leads.values())):
            reason = f"only {len(leads)} leads have rows that are new to the champion: too few to compare by"
            return Decision(promoted=False, reason=reason, rows=len(fresh), against="the present champion")
        champion = tuple(self.champion.scorer.quick(self.matrix.take(known)).tolist())
        return self._against(fresh, said, champion, "the present champion", seed)

    def _unseen(self, label: Label) -> bool:
        before = self.champion.trained_at
        return before is None or label.as_of + HORIZON > before

    def _against(
        self, places: list[int], said: tuple[float, ...], rival: tuple[float, ...] | None, name: str, seed: int
    ) -> Decision:
        known, truth = known_rows(self.labels), self.truth
        return decide(
            [truth[place] for place in places],
            [said[place] for place in places],
            None if rival is None else [rival[place] for place in places],
            seed=seed,
            rival=name,
            groups=[self.labels[known[place]].lead_id for place in places],
        )


def own(session: Session, request: TrainModel, context: TaskContext) -> ChurnDataset:
    """The tenant's own leads, as known at the beginning of this week."""
    thresholds: dict[str, float] = context.settings().get("silence_days") or {}
    rows = churn_training_data.rows_of(
        session, request.tenant_id, as_of=request.as_of or context.now, thresholds=thresholds
    )
    matrix = extract(rows.profiles)
    return ChurnDataset(
        owner=request.tenant_id,
        matrix=matrix,
        labels=rows.labels,
        written=tuple(written(rows.profiles, matrix, thresholds).tolist()) if rows.labels else (),
        lead_ids={request.tenant_id: tuple(dict.fromkeys(label.lead_id for label in rows.labels))},
        fingerprint=_fingerprint(matrix, rows, request),
        champion=model_registry.churn_champion(session, request.tenant_id),
        missing=gate(rows.labels).missing,
        facts=_facts(rows),
    )


def _fingerprint(matrix: Any, rows: churn_training_data.Rows, request: TrainModel) -> str:
    told = [[label.lead_id, label.as_of, label.outcome, label.days, label.event] for label in rows.labels]
    return lead_training_data.fingerprint(matrix, (), request.kind, request.scope, request.seed, METHOD, told)


def _facts(rows: churn_training_data.Rows) -> dict[str, Any]:
    dates = [label.as_of for label in rows.labels]
    return {
        "sources": {"histories": len({label.lead_id for label in rows.labels}), "blocked": rows.blocked},
        "outcomes": dict(Counter(label.outcome for label in rows.labels)),
        "reasons": dict(Counter(label.reason for label in rows.labels if label.reason is not None)),
        "horizon_days": HORIZON.days,
        "period": {"observed": [min(dates), max(dates)], "labelled": [min(dates), rows.until]} if dates else {},
    }
