"""What lead scores are learnt from: one tenant's own closed leads, or those of several that agreed to it.

A pooled model belongs to the reserved owner of its vertical, and nothing in it or in its report tells of one tenant to
another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from db.repositories.models import pooled_models
from db.session import Session
from ml.leads import Training, gate, multi_tenant, train
from ml.training.promotion import Decision, decide
from tasks.contracts.models import TrainModel
from tasks.runtime.context import TaskContext
from tasks.services.models import lead_training_data, model_registry
from tasks.services.models.dataset import Dataset, too_few


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadDataset(Dataset):
    """One row a closed lead."""

    scope: str
    labels: tuple[bool, ...]
    #: when each label became known to us
    known_at: tuple[datetime, ...]
    #: whose rows they are
    tenants: tuple[str, ...]
    champion: model_registry.Champion

    @property
    def truth(self) -> tuple[bool, ...]:
        """Whether each lead was won."""
        return self.labels

    def learn(self, seed: int) -> Training:
        """Train the lead scorer."""
        return train(self.matrix, self.labels, seed=seed)

    def decide(self, training: Training, seed: int) -> Decision:
        """Against the base rate, and against what scores now on rows that neither has seen.

        Of a champion those that it did not learn from, of the scorecard all. A champion that learnt from somebody who
        was forgotten since is replaced by whatever beats the base rate.
        """
        said = self._out_of_sample(training, seed)
        if self.champion.retrain:
            return decide(self.labels, said, None, seed=seed)
        fresh = self._unseen()
        labels = [self.labels[index] for index in fresh]
        if self.champion.scope != "scorecard" and too_few(len(fresh), labels):
            return self._too_few(said, labels, seed)
        rival = [item.probability for item in self.champion.scorer.score(self.matrix.take(fresh), explain=0)]
        name = {"scorecard": "the scorecard", self.scope: "the present champion"}.get(
            self.champion.scope, "the pooled model"
        )
        return decide(labels, [said[index] for index in fresh], rival, seed=seed, rival=name)

    def _out_of_sample(self, training: Training, seed: int) -> tuple[float, ...]:
        """What the newcomer says of rows it has not seen; a shared model must hold for tenants it has not seen."""
        if self.scope == "tenant":
            return training.out_of_fold
        return multi_tenant.across(self.matrix, self.labels, self.tenants, seed=seed)

    def _unseen(self) -> list[int]:
        """The rows whose label what scores now cannot have known."""
        before = self.champion.trained_at
        return [index for index, known_at in enumerate(self.known_at) if before is None or known_at > before]

    def _too_few(self, said: Sequence[float], labels: Sequence[bool], seed: int) -> Decision:
        if self.champion.scope != self.scope:
            # An own model need not wait until it has outgrown the shared one that it helped to make.
            return decide(self.labels, said, None, seed=seed)
        reason = f"only {len(labels)} leads with {sum(labels)} won are new to the champion: too few to compare by"
        return Decision(promoted=False, reason=reason, rows=len(labels), against="the present champion")


def own(session: Session, request: TrainModel, context: TaskContext) -> LeadDataset:
    """The tenant's own labelled leads."""
    found = lead_training_data.rows_of(session, request.tenant_id, request.as_of)
    rows = list(found.by_lead.values())
    matrix, labels = lead_training_data.matrix_of(rows), tuple(row.label for row in rows)
    return LeadDataset(
        owner=request.tenant_id,
        scope=request.scope,
        matrix=matrix,
        labels=labels,
        known_at=tuple(row.known_at for row in rows),
        tenants=(request.tenant_id,) * len(rows),
        lead_ids={request.tenant_id: tuple(found.by_lead)},
        fingerprint=lead_training_data.fingerprint(matrix, labels, request.kind, request.scope, request.seed),
        champion=model_registry.champion(session, request.tenant_id, context.settings()),
        missing=gate(labels).missing,
        facts=lead_training_data.facts(rows, found.blocked),
    )


def pooled(session: Session, request: TrainModel, context: TaskContext) -> LeadDataset:
    """The rows of every tenant that agreed, the newest first where one has more than all the others together."""
    vertical = pooled_models.vertical_of(context.settings())
    found = {
        member.tenant_id: lead_training_data.rows_of(session, member.tenant_id, request.as_of)
        for member in pooled_models.members(session, vertical)
    }
    share = multi_tenant.fair_share({tenant_id: len(rows.by_lead) for tenant_id, rows in found.items()})
    chosen = {tenant_id: _newest(rows, share[tenant_id]) for tenant_id, rows in found.items() if share[tenant_id]}
    rows = [row for part in chosen.values() for row in part.values()]
    matrix, labels = multi_tenant.shared(lead_training_data.matrix_of(rows)), tuple(row.label for row in rows)
    return LeadDataset(
        owner=pooled_models.owner(vertical),
        scope=request.scope,
        matrix=matrix,
        labels=labels,
        known_at=tuple(row.known_at for row in rows),
        tenants=tuple(tenant_id for tenant_id, part in chosen.items() for _ in part),
        lead_ids={tenant_id: tuple(part) for tenant_id, part in chosen.items()},
        fingerprint=lead_training_data.fingerprint(matrix, labels, request.kind, vertical, request.seed),
        champion=model_registry.pooled_champion(session, vertical) or model_registry.SCORECARD,
        missing=multi_tenant.wanting(labels, len(chosen)),
        facts=lead_training_data.facts(rows, sum(part.blocked for part in found.values())) | {"tenants": len(chosen)},
    )


def _newest(rows: lead_training_data.Rows, most: int) -> dict[str, lead_training_data.Row]:
    newest = sorted(rows.by_lead, key=lambda lead_id: rows.by_lead[lead_id].known_at, reverse=True)[:most]
    return {lead_id: rows.by_lead[lead_id] for lead_id in sorted(newest)}
