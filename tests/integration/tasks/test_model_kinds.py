"""A new kind of model is one record: it trains, serves, is explained, listed and reported like the others.

This follows the recipe "a model kind" of docs/contributing.md with a toy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from db.encryption import KeyRing
from db.repositories import tenants
from db.repositories.outbound import outbound
from db.repositories.predictions import predictions
from db.session import Session, reading
from domain.model_kinds import KIND_LABELS, LEAD_SCORE, KindLabel
from ml.ensemble.options import EnsembleOptions
from ml.leads import LeadScorer, Scorecard, Training, train
from tasks.contracts.models import TrainModel
from tasks.errors import InvalidPayload
from tasks.leads.upsert import upsert
from tasks.models import train_model
from tasks.runtime.context import TaskContext
from tasks.services.leads import profiles
from tasks.services.leads.explanation import explain_prediction
from tasks.services.leads.predictions import take_snapshots
from tasks.services.leads.scoring import store_scores
from tasks.services.models import lead_training, model_registry, replay
from tasks.services.models.lead_training import LeadDataset
from tasks.services.models.model_kind import LeadChampion, LeadScoring, ModelKind, fallback_champion
from tasks.services.models.model_kinds import MODEL_KINDS
from tasks.tenants import configure, readiness
from tests.support.training import NOW, closed, lead
from workers.base.settings import settings
from workers.cli import main

pytestmark = pytest.mark.usefixtures("workspace_folder")

T = "acme"


class ToyScorer(LeadScorer):
    """Learns as the lead scorer does, under a name of its own."""

    kind = "toy"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyDataset(LeadDataset):
    """One row a closed lead."""

    def learn(self, seed: int, options: EnsembleOptions) -> Training:
        """Train the toy."""
        return train(self.matrix, self.labels, seed=seed, scorer=ToyScorer(), options=options)


def toy_rows(session: Session, request: TrainModel, context: TaskContext, champion: LeadChampion) -> ToyDataset:
    leads = lead_training.tenant_dataset(session, request, context, champion)
    return ToyDataset(**{field.name: getattr(leads, field.name) for field in fields(leads)})


def toy(**changes: Any) -> ModelKind[LeadScoring]:
    label = KindLabel(
        name="toy", scopes=("tenant",), words=replace(LEAD_SCORE.words, serves="who plays", unit="toys", ended="sold")
    )
    parts: dict[str, Any] = {
        "label": label,
        "scorers": (ToyScorer,),
        "fallback": fallback_champion("toy", "toy-card-1", Scorecard()),
        "datasets": {"tenant": toy_rows},
        "gate": lead_training.ready,
        "answers_for": "total",
        "replay": replay.replay_score,
    }
    return ModelKind(**parts | changes)


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> ModelKind[LeadScoring]:
    record = toy()
    monkeypatch.setitem(MODEL_KINDS, record.name, record)
    monkeypatch.setitem(KIND_LABELS, record.name, record.label)
    return record


@pytest.fixture
def hearth(
    database: str, test_keyring: KeyRing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Result]]:
    """Run a command on this test's database."""
    environment = {"DATABASE_URL": database, "HEARTH_KEYS": test_keyring.dump(), "HEARTH_HOME": str(tmp_path)}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield lambda *args: CliRunner().invoke(main, [*args, "--tenant", T], prog_name="hearth")
    settings.cache_clear()


def context_of(tenant_id: str) -> TaskContext:
    with reading(tenant_id) as session:
        tenant = tenants.require(session, tenant_id)
    return TaskContext(
        task="test",
        task_id="test",
        tenant=tenant,
        args_hash="",
        now=NOW,
        queue_of=lambda task: "inference",
        publish=lambda tenant_id, rows: None,
    )


def test_one_record_trains_scores_explains_and_lists(
    hearth: Callable[..., Result], kind: ModelKind[LeadScoring]
) -> None:
    configure(tenant_id=T)
    upsert(tenant_id=T, leads=[closed(number) for number in range(240)])
    lead_ids = upsert(tenant_id=T, leads=[lead(900, showings=3), lead(901)])["data"]["lead_ids"]
    before = readiness(tenant_id=T)["data"]["answers"]["toy"]
    assert (before["scored_by"], [rung["rung"] for rung in before["ladder"]]) == (
        "toy-card-1",
        ["tenant", "scorecard"],
    )

    trained = train_model(tenant_id=T, kind="toy")["data"]
    assert (trained["promoted"], trained["version"]) == (True, "toy-0001"), trained["reason"]
    assert readiness(tenant_id=T)["data"]["answers"]["toy"]["rung"] == "tenant"

    context = context_of(T)
    with context.transaction(T) as session:
        champion = model_registry.champion(session, T, {}, kind)
        assert isinstance(champion.scorer, ToyScorer)
        stored = profiles.load(session, T, lead_ids, NOW)
        scores = store_scores(session, context, take_snapshots(session, context, stored, NOW), champion)
    with reading(T) as session:
        rows = predictions.latest(session, T, kind="toy", lead_ids=lead_ids)
        explanations = [explain_prediction(session, T, prediction.prediction_id) for prediction in rows]
        told = {event.type for event in outbound.pull(session, T, cursor=0, limit=100)}
    assert {one.lead_id: one.probability for one in rows} == dict(
        zip(lead_ids, (score.probability for score in scores), strict=True)
    )
    for explanation in explanations:
        assert explanation is not None
        assert explanation.reproduced
        assert explanation.evidence["model"]["version"] == "toy-0001"
        assert explanation.evidence["replay"]["same"] is True
    assert told == {"model.promoted"}, "bands and thresholds are those of lead scores"

    assert "toy-0001" in hearth("models", "list").stdout
    shown = hearth("models", "show", "toy-0001")
    assert shown.exit_code == 0, shown.output
    assert "share sold" in shown.stdout


@pytest.mark.usefixtures("database")
def test_a_scope_that_a_kind_does_not_name_is_refused(kind: ModelKind[LeadScoring]) -> None:
    configure(tenant_id=T)
    with pytest.raises(InvalidPayload) as caught:
        train_model(tenant_id=T, kind=kind.name, scope="pooled")
    assert caught.value.code == "unknown_value"


@pytest.mark.usefixtures("database")
def test_a_kind_without_a_record_is_refused() -> None:
    configure(tenant_id=T)
    with pytest.raises(InvalidPayload) as caught:
        train_model(tenant_id=T, kind="toy")
    assert (caught.value.code, caught.value.errors[0]["loc"]) == ("unknown_value", "kind")


@pytest.mark.parametrize(
    "changes",
    [{"scorers": (LeadScorer,)}, {"fallback": fallback_champion("lead_score", "1", Scorecard())}, {"datasets": {}}],
    ids=["scorer", "fallback", "datasets"],
)
def test_a_record_whose_parts_do_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"label names|names it"):
        toy(**changes)


def test_every_label_has_its_record() -> None:
    assert {name: kind.label for name, kind in MODEL_KINDS.items()} == KIND_LABELS
