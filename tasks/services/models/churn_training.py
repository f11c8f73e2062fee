"""Train the churn model: one row a lead and week of the last half year, all rows of a lead being one group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from db.session import Session
from domain.documents import JsonObject
from ml.churn.labels import HORIZON, Label
from ml.churn.scorer import ChurnScorer
from ml.churn.training import METHOD, gate, known_rows, scorecard_probabilities, train
from ml.ensemble.options import EnsembleOptions
from ml.features import extract
from ml.leads import Gate, Training
from ml.profiles import FeatureMatrix
from ml.training.looks import FIRST_LOOK, Look
from ml.training.promotion import Decision, decide
from ml.tuning import Problem, problem_of
from tasks.contracts.models import TrainModel
from tasks.runtime.context import TaskContext
from tasks.services.models import churn_training_data, lead_training_data
from tasks.services.models.dataset import Dataset, too_few
from tasks.services.models.model_kind import ChurnChampion


@dataclass(frozen=True, slots=True, kw_only=True)
class ChurnDataset(Dataset):
    """One row a labelled snapshot, also of leads whose outcome is not known: they were followed for a while."""

    labels: tuple[Label, ...]
    #: probability that the written scorecard gives each row
    scorecard_probabilities: tuple[float, ...]
    #: what tells the risk now, and has to be beaten
    champion: ChurnChampion

    @property
    def truth(self) -> tuple[bool, ...]:
        """Return whether each lead whose outcome is known went cold."""
        return tuple(bool(self.labels[row].churned) for row in known_rows(self.labels))

    @property
    def known(self) -> FeatureMatrix:
        """Return the rows whose outcome is known, in the order of `truth`."""
        return self.matrix.take(known_rows(self.labels))

    def learn(self, seed: int, options: EnsembleOptions) -> Training:
        """Train the three members; rows without an outcome still tell when leads go cold."""
        return train(self.matrix, self.labels, seed=seed, options=options)

    def when_known(self) -> tuple[datetime, ...]:
        """Return the end of each row's horizon: by then it was known."""
        return tuple(self.labels[row].as_of + HORIZON for row in known_rows(self.labels))

    def problem(self, seed: int) -> Problem:
        """Return the rows by which hyperparameters are judged: those whose outcome is known, lead by lead."""
        rows = known_rows(self.labels)
        leads = [self.labels[row].lead_id for row in rows]
        return problem_of(self.matrix.take(rows), self.truth, scorer=ChurnScorer, seed=seed, groups=leads)

    def decide(self, training: Training, seed: int, look: Look) -> Decision:  # noqa: ARG002 - nothing is drawn here
        """Compare as lead scores do: with the base rate, and with the scorecard or the champion on rows new to it.

        Rows of one lead are drawn together.
        """
        labelled_rows, truth, predicted = known_rows(self.labels), self.truth, training.out_of_fold
        all_places = list(range(len(labelled_rows)))
        if self.champion.retrain:
            return self._compare(all_places, predicted, None, "", FIRST_LOOK)
        if self.champion.scorer is None:
            scorecard = tuple(self.scorecard_probabilities[row] for row in labelled_rows)
            return self._compare(all_places, predicted, scorecard, "the scorecard", look)
        fresh = [place for place, row in enumerate(labelled_rows) if self._new_to_the_champion(self.labels[row])]
        leads = {self.labels[labelled_rows[place]].lead_id: truth[place] for place in fresh}
        if too_few(len(leads), list(leads.values())):
            reason = f"only {len(leads)} leads have rows that are new to the champion: too few to compare by"
            return Decision(verdict="shadow", reason=reason, rows=len(fresh), against="the present champion")
        champion = tuple(self.champion.scorer.quick(self.matrix.take(labelled_rows)).tolist())
        return self._compare(fresh, predicted, champion, "the present champion", look)

    def _new_to_the_champion(self, label: Label) -> bool:
        trained_at = self.champion.trained_at
        return trained_at is None or label.as_of + HORIZON > trained_at

    def _compare(
        self, places: Sequence[int], predicted: Sequence[float], rival: Sequence[float] | None, name: str, look: Look
    ) -> Decision:
        """Compare on some of the rows whose outcome is known; `places` are positions among those."""
        labelled_rows, truth = known_rows(self.labels), self.truth
        return decide(
            [truth[place] for place in places],
            [predicted[place] for place in places],
            None if rival is None else [rival[place] for place in places],
            look=look,
            rival=name,
            groups=[self.labels[labelled_rows[place]].lead_id for place in places],
        )


def tenant_dataset(
    session: Session, request: TrainModel, context: TaskContext, champion: ChurnChampion
) -> ChurnDataset:
    """Read the tenant's own leads, as known at the beginning of this week."""
    thresholds = _thresholds(context)
    as_of = request.as_of or context.now
    rows = churn_training_data.rows_of(session, request.tenant_id, as_of=as_of, thresholds=thresholds)
    if request.since is not None:
        rows = rows.known_since(request.since)
    matrix = extract(rows.profiles)
    return ChurnDataset(
        owner=request.tenant_id,
        matrix=matrix,
        labels=rows.labels,
        scorecard_probabilities=tuple(scorecard_probabilities(rows.profiles, matrix, thresholds).tolist())
        if rows.labels
        else (),
        lead_ids={request.tenant_id: tuple(dict.fromkeys(label.lead_id for label in rows.labels))},
        fingerprint=_fingerprint(matrix, rows, request),
        champion=champion,
        missing=gate(rows.labels).missing,
        facts=_facts(rows),
    )


def ready(session: Session, context: TaskContext, counts: Mapping[str, int]) -> Gate:
    """Return whether the histories of leads suffice for an own model, else what is missing; labels do not count."""
    return churn_training_data.ready(session, context.tenant_id, as_of=context.now, thresholds=_thresholds(context))


def _thresholds(context: TaskContext) -> dict[str, float]:
    return context.settings().get("silence_days") or {}


def _fingerprint(matrix: FeatureMatrix, rows: churn_training_data.LabelledSnapshots, request: TrainModel) -> str:
    outcomes = [[label.lead_id, label.as_of, label.outcome, label.days, label.event] for label in rows.labels]
    asked = (request.kind, request.scope, *request.asked(), METHOD, outcomes)
    return lead_training_data.fingerprint(matrix, (), *asked)


def _facts(rows: churn_training_data.LabelledSnapshots) -> JsonObject:
    dates = [label.as_of for label in rows.labels]
    return {
        "sources": {"histories": len({label.lead_id for label in rows.labels}), "blocked": rows.blocked},
        "outcomes": dict(Counter(label.outcome for label in rows.labels)),
        "reasons": dict(Counter(label.reason for label in rows.labels if label.reason is not None)),
        "horizon_days": HORIZON.days,
        "period": {"observed": [min(dates), max(dates)], "labelled": [min(dates), rows.until]} if dates else {},
    }
