"""Answers about a tenant, its models and reports, and the cluster."""

from __future__ import annotations

from typing import Any

from domain.promotions import Verdict
from domain.scores import Band
from tasks.contracts.answers.base import Answer, Interval
from tasks.contracts.answers.data import UsableLeads
from tasks.contracts.base.bands_changed import BandsChanged
from tasks.contracts.base.published import Count, Published, Time


class Configured(Answer):
    """The version of a tenant's settings."""

    created: bool
    version: Count
    changed: bool


class LeadCounts(Published):
    """Leads by outcome."""

    won: Count
    lost: Count
    open: Count
    total: Count


class Rung(Published):
    """One of the models that may answer, best first."""

    rung: str
    serves: bool
    #: what it lacks, in words
    missing: list[str]


class AnswerReadiness(Published):
    """Whether an answer is possible now, and by which model."""

    possible: bool
    #: the rest is absent for answers that need no model
    scored_by: str | None = None
    rung: str | None = None
    own_model_possible: bool | None = None
    #: what a model of the tenant's own lacks -> how many
    missing: dict[str, Count] | None = None
    ladder: list[Rung] | None = None


class Readiness(Answer):
    """What can be answered for a tenant now."""

    leads: LeadCounts
    #: closed leads that a model can learn from
    usable: UsableLeads
    #: stage -> outcomes of its leads
    stages: dict[str, dict[str, Count]]
    #: kind of model, or `worklist` -> whether it can be answered
    answers: dict[str, AnswerReadiness]


class Training(Answer):
    """What a training has brought; status `insufficient_data` where there was too little to learn from."""

    run_id: str
    kind: str
    rows: Count
    #: name -> value on leads that the model had not seen; empty without a model
    metrics: dict[str, Any]
    promoted: bool
    #: what came of the new model; null where it was only compared, or nothing was trained now
    verdict: Verdict | None = None
    #: open leads whose band the new model changes; null: no open lead has a score yet, or the model is several tenants'
    bands_changed: BandsChanged | None = None
    reason: str
    #: null: no model
    version: str | None
    #: why closed leads were not learnt from -> how many
    left_out: dict[str, Count]
    #: null where nothing was looked at
    usable: UsableLeads | None = None
    #: what is missing -> how many
    missing: dict[str, Count]


class BandResult(Published):
    """What became of leads that were in a band."""

    band: Band
    leads: Count
    converted: Count
    #: null: no lead
    rate: float | None
    interval: Interval | None


class Use(Published):
    """What one person did with suggestions; null: leads of nobody."""

    agent: str | None
    leads: Count
    contacted: Count
    executed: Count
    rejected: Count
    replied: Count
    overrides: Count
    marks: Count


class Difference(Published):
    """What interventions change."""

    difference: float | None
    interval: Interval | None
    verdict: str


class Value(Answer):
    """Whether all of it helps."""

    tenant_id: str
    since: Time
    bands: list[BandResult]
    use: list[Use]
    effect: Difference
    #: null: the tenant set no figures, or nothing is known yet
    money: dict[str, Any] | None


class Pong(Answer):
    """A worker that answers."""

    #: hearth, celery, features -> version
    versions: dict[str, str]
    contract: str
    queues: list[str]
    #: kind -> version of the tenant's champion
    models: dict[str, str]
    time: Time
    echo: str | None


class Canary(Published):
    """The newest message that only measures how long it waits."""

    sent_at: Time
    #: null: it waits
    arrived_at: Time | None


class QueueState(Published):
    """A queue; ages and waits are seconds, null before the first canary."""

    depth: Count
    oldest_age: float | None
    estimated_wait: float | None
    canary: Canary | None


class OutboxState(Published):
    """Follow-up tasks that wait to be published."""

    waiting: Count
    oldest_age: float | None


class OutboundState(Published):
    """Events that wait to be delivered, and those that were given up."""

    pending: Count
    dead: Count


class QuarantineState(Published):
    """Messages that no worker could run, and those for which there was no room."""

    held: Count
    overflowed: Count


class ClusterState(Answer):
    """How far behind the cluster is."""

    queues: dict[str, QueueState]
    outbox: OutboxState
    outbound: OutboundState
    quarantine: QuarantineState
