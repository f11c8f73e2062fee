"""Train lead scores: on one tenant's own closed leads, or on those of several that agreed to share.

A pooled model belongs to the reserved owner of its vertical, and nothing in it or in its report tells one tenant about
another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from db.repositories.models import pooled_models
from db.session import Session
from domain.model_kinds import Scope
from ml.ensemble.options import EnsembleOptions
from ml.leads import Gate, LeadScorer, Training, gate, multi_tenant, train
from ml.training.looks import FIRST_LOOK, Look
from ml.training.promotion import Decision, decide
from ml.tuning import Problem, problem_of
from tasks.contracts.models import TrainModel
from tasks.runtime.context import TaskContext
from tasks.services.models import closed_leads, lead_training_data
from tasks.services.models.dataset import Dataset, too_few
from tasks.services.models.model_kind import LeadChampion


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadDataset(Dataset):
    """One row a closed lead."""

    scope: Scope
    labels: tuple[bool, ...]
    #: when each label became known to us
    known_at: tuple[datetime, ...]
    #: whose rows they are
    tenants: tuple[str, ...]
    #: what scores now, and has to be beaten
    champion: LeadChampion
    #: columns that no row has, each with the reason: they would tell when, and so how, a lead ended
    withheld: Mapping[str, str] = field(default_factory=dict)

    @property
    def truth(self) -> tuple[bool, ...]:
        """Return whether each lead was won."""
        return self.labels

    def learn(self, seed: int, options: EnsembleOptions) -> Training:
        """Train the lead scorer."""
        training = train(self.matrix, self.labels, seed=seed, options=options)
        return replace(training, dropped={**training.dropped, **self.withheld})

    def when_known(self) -> tuple[datetime, ...]:
        """Return when each label became known to us."""
        return self.known_at

    def problem(self, seed: int) -> Problem:
        """Return the leads by which hyperparameters are judged, each once."""
        return problem_of(self.matrix, self.labels, scorer=LeadScorer, seed=seed)

    def decide(self, training: Training, seed: int, look: Look) -> Decision:
        """Compare with the base rate, and with what scores now on rows that neither has seen.

        A champion is compared on rows that it did not learn from, the scorecard on all. A champion that learnt from
        somebody who was forgotten since is replaced by whatever beats the base rate.
        """
        predicted = self._out_of_sample(training, seed)
        if self.champion.retrain:
            return decide(self.labels, predicted, None, look=FIRST_LOOK)
        fresh = self._new_to_the_champion()
        labels = [self.labels[row] for row in fresh]
        if self.champion.scope != "scorecard" and too_few(len(fresh), labels):
            return self._without_comparison(predicted, labels, look)
        rival = [score.probability for score in self.champion.scorer.score(self.matrix.take(fresh), explain=0)]
        names = {"scorecard": "the scorecard", self.scope: "the present champion"}
        name = names.get(self.champion.scope, "the pooled model")
        return decide(labels, [predicted[row] for row in fresh], rival, look=look, rival=name)

    def _out_of_sample(self, training: Training, seed: int) -> tuple[float, ...]:
        """Return predictions of rows not seen in training; of a pooled model, of whole tenants that it has not seen."""
        if self.scope == "tenant":
            return training.out_of_fold
        return multi_tenant.leave_tenant_out(self.matrix, self.labels, self.tenants, seed=seed)

    def _new_to_the_champion(self) -> list[int]:
        """Return the rows whose label the champion cannot have known."""
        trained_at = self.champion.trained_at
        return [row for row, known_at in enumerate(self.known_at) if trained_at is None or known_at > trained_at]

    def _without_comparison(self, predicted: Sequence[float], labels: Sequence[bool], look: Look) -> Decision:
        """Decide where too few rows are new to the champion."""
        if self.champion.scope != self.scope:
            # An own model need not wait until it has outgrown the shared one that it helped to make.
            return decide(self.labels, predicted, None, look=look)
        reason = f"only {len(labels)} leads with {sum(labels)} won are new to the champion: too few to compare by"
        return Decision(verdict="shadow", reason=reason, rows=len(labels), against="the present champion")


def tenant_dataset(session: Session, request: TrainModel, context: TaskContext, champion: LeadChampion) -> LeadDataset:
    """Read the tenant's own labelled leads."""
    available = lead_training_data.rows_of(session, request.tenant_id, request.as_of)
    by_lead = {
        lead_id: row
        for lead_id, row in available.by_lead.items()
        if request.since is None or row.known_at >= request.since
    }
    rows = list(by_lead.values())
    whole = lead_training_data.matrix_of(rows, available.refused)
    withheld = lead_training_data.withheld(whole, available)
    matrix = whole.select([name for name in whole.columns if name not in withheld])
    labels = tuple(row.label for row in rows)
    return LeadDataset(
        owner=request.tenant_id,
        scope=request.scope,
        matrix=matrix,
        labels=labels,
        known_at=tuple(row.known_at for row in rows),
        tenants=(request.tenant_id,) * len(rows),
        lead_ids={request.tenant_id: tuple(by_lead)},
        fingerprint=lead_training_data.fingerprint(matrix, labels, request.kind, request.scope, *request.asked()),
        champion=champion,
        missing=gate(labels).missing,
        facts=lead_training_data.facts(rows, available.usable) | lead_training_data.facts_of_end(matrix, available),
        usable=available.usable,
        withheld=withheld,
    )


def pooled_dataset(session: Session, request: TrainModel, context: TaskContext, champion: LeadChampion) -> LeadDataset:
    """Read the rows of every tenant that agreed, the newest first where one has more than all the others together.

    Leads that were seen only after their end are left out: with one tenant's the others would lose all days since.
    """
    vertical = pooled_models.vertical_of(context.settings())
    available = {
        member.tenant_id: lead_training_data.rows_of(session, member.tenant_id, request.as_of, seen_after_end=False)
        for member in pooled_models.members(session, vertical)
    }
    share = multi_tenant.fair_share({tenant_id: len(rows.by_lead) for tenant_id, rows in available.items()})
    chosen = {tenant_id: _newest(rows, share[tenant_id]) for tenant_id, rows in available.items() if share[tenant_id]}
    rows = [row for part in chosen.values() for row in part.values()]
    matrix, labels = multi_tenant.shared_features(lead_training_data.matrix_of(rows)), tuple(row.label for row in rows)
    usable = closed_leads.pooled([part.usable for part in available.values()], labels)
    return LeadDataset(
        owner=pooled_models.owner(vertical),
        scope=request.scope,
        matrix=matrix,
        labels=labels,
        known_at=tuple(row.known_at for row in rows),
        tenants=tuple(tenant_id for tenant_id, part in chosen.items() for _ in part),
        lead_ids={tenant_id: tuple(part) for tenant_id, part in chosen.items()},
        fingerprint=lead_training_data.fingerprint(matrix, labels, request.kind, vertical, *request.asked()),
        champion=champion,
        missing=multi_tenant.wanting(labels, len(chosen)),
        facts=lead_training_data.facts(rows, usable)
        | {"stamped_later": {}, "may_include_later": [], "tenants": len(chosen)},
        usable=usable,
    )


def ready(session: Session, context: TaskContext, counts: Mapping[str, int]) -> Gate:
    """Return whether the closed leads that can be learnt from suffice for an own model, else what is missing."""
    return gate([True] * counts["won"] + [False] * counts["lost"])


def _newest(rows: lead_training_data.LabelledRows, most: int) -> dict[str, lead_training_data.LabelledRow]:
    newest = sorted(rows.by_lead, key=lambda lead_id: rows.by_lead[lead_id].known_at, reverse=True)[:most]
    return {lead_id: rows.by_lead[lead_id] for lead_id in sorted(newest)}
