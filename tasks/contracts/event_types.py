"""The types of events in the outbound stream, and the body of each: what a CRM gets as the event's `data`.

To add a type, add its body here, an entry in EVENT_TYPES, and its line in docs/callers.md; the schema follows from it.
A body holds no personal data and no id of the CRM's: those are added to the event when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import ValidationError

from domain.channels import ConsentChannel
from domain.consent import ConsentBasis
from domain.drift import DriftAction, DriftLevel
from domain.interventions import InterventionName, PauseReason
from domain.model_kinds import Scope
from domain.risk import RiskLevel
from domain.scores import Band
from tasks.contracts.base.bands_changed import BandsChanged
from tasks.contracts.base.planned_action import PlannedAction
from tasks.contracts.base.published import Count, Probability, Published, Time
from tasks.contracts.base.request import Identifier


class EventOffContract(UserWarning):
    """An event's body does not fit its model: a receiver may not understand it."""


class EventBody(Published):
    """The body of an event of one type."""


class AssessmentCompleted(EventBody):
    """An assessment that was asked for has ended; `partial` where a stage failed or is late."""

    assessment_id: Identifier
    status: Literal["ok", "partial"]
    #: how many leads it was about; the event names the lead where it is one
    leads: Count
    #: stage -> how it ended
    stages: dict[str, Literal["ok", "failed", "late"]]


class BandChanged(EventBody):
    """A lead's band is another than before: a new score, or a person's override."""

    lead_id: str
    band: Band
    was: Band
    probability: Probability | None
    #: the score; absent where a person's judgement changed the band
    prediction_id: str | None = None
    #: what a person did; absent where a score changed the band
    by: Literal["override", "withdrawal"] | None = None


class ThresholdCrossed(EventBody):
    """A lead's score went above a threshold of the tenant's settings, or fell below the value at which it is left."""

    lead_id: str
    #: the threshold's name in the settings
    threshold: str
    direction: Literal["entered", "left"]
    probability: Probability
    #: the score; absent where a person's judgement crossed it
    prediction_id: str | None = None
    #: what a person did; absent where a score crossed it
    by: Literal["override", "withdrawal"] | None = None


class RiskChanged(EventBody):
    """The level of the risk that a lead goes cold is another than before."""

    lead_id: str
    prediction_id: str
    level: RiskLevel
    was: RiskLevel
    probability: Probability


class Moves(Published):
    """How many leads came to another band or level."""

    up: Count
    down: Count


class ScoresRefreshed(EventBody):
    """Scores of many leads at once, by the first assessment after a file was loaded or by another model: ask for them.

    It stands for the events of single leads, which are not sent for these scores.
    """

    cause: Literal["loaded", "new_model"]
    leads: Count
    #: leads by the band that they are in now, and how many came to it from another one
    bands: dict[Band, Count]
    band_moves: Moves
    #: leads by the level of the risk that they go cold, and how many came to it from another one
    risk_levels: dict[RiskLevel, Count]
    risk_moves: Moves
    #: when the first of these scores was stored, and the newest moment that one is as of
    since: Time
    as_of: Time


class ConsentRefused(EventBody):
    """A lead refused to be contacted on some channels, or a person decided that it did."""

    lead_id: str
    at: Time
    channels: list[ConsentChannel]
    #: where it was stated; absent where a person decided
    basis: list[ConsentBasis] | None = None
    #: the rules that read it; absent where a person decided
    rules: list[str] | None = None


class ConsentDoubtful(EventBody):
    """A lead may have refused contact: its channels are closed until a person decides (`hearth.privacy.decide`)."""

    lead_id: str
    at: Time
    channels: list[ConsentChannel]
    basis: list[ConsentBasis]
    rules: list[str]


class ConsentReread(EventBody):
    """All stored leads were read again for refusals by a newer version of the readers."""

    version: str
    leads: Count
    refused: Count
    doubtful: Count
    started_at: Time
    finished_at: Time


class LeadForgotten(EventBody):
    """A lead was erased at a person's request: delete it on your side too."""

    lead_id: str
    erasure_id: str


class LeadCorrected(EventBody):
    """Stored facts of a lead were corrected at a person's request: correct them on your side too."""

    lead_id: str
    #: the names of the corrected columns
    fields: list[str]


class ActionPlanned(PlannedAction, EventBody):
    """An action for a lead at risk is handed over: carry it out, and report it with `hearth.outcomes.record`."""


class ActionWithdrawn(EventBody):
    """An action that was handed over must not be carried out any more."""

    action_id: str
    #: a code, such as `expired`
    reason: str


class PlanWaiting(EventBody):
    """A plan waits for a person's yes; more actions may join it: `hearth.interventions.waiting` counts them."""

    #: the first plan of a tenant, or one for a large share of its open leads
    reason: Literal["plan.first", "plan.large"]
    #: so far
    actions: Count
    leads: Count
    #: type of intervention -> actions
    interventions: dict[InterventionName, Count]


class InterventionPaused(EventBody):
    """A type of intervention is proposed no more, until a person resumes it."""

    #: `*` means all of them
    intervention: InterventionName | Literal["*"]
    reason: PauseReason
    #: a person, or the job that found harm
    by: str
    #: the figures of the experiment, where a job paused it
    evidence: dict[str, Any]


class InterventionResumed(EventBody):
    """A type of intervention is proposed again."""

    intervention: InterventionName | Literal["*"]
    by: str


class ModelPromoted(EventBody):
    """A new model computes the scores from now on."""

    kind: str
    version: str
    scope: Scope
    #: one sentence with figures; `rollback`: another model answers since the one before was taken back
    reason: str
    #: open leads whose band it changes; left out where none had a score
    bands_changed: BandsChanged | None = None
    #: who decided it, and which version it replaces; left out where a rule decided
    actor: str | None = None
    retired: str | None = None


class ModelWaiting(ModelPromoted):
    """A new model has earned it, and waits for a person's yes: `hearth models promote`."""


class ModelRefused(ModelPromoted):
    """A new model was compared and does not compute scores; why is in `reason`."""


class ModelRolledBack(EventBody):
    """A promotion was taken back; the model before it computes the scores again."""

    kind: str
    #: who computes the scores from now on
    version: str
    #: whose promotion was taken back
    left: str
    scope: Scope
    #: who decided it; `hearth` where a rule did
    actor: str
    reason: str


class ModelDrifted(EventBody):
    """A check found that a model has become worse, or is likely to: `hearth.drift.report` has the figures."""

    kind: str
    version: str
    #: retrain: it is trained again by itself; warn: a person should look
    action: DriftAction
    #: what moved most: performance, estimate, score, or `feature:` and its name
    series: str
    level: DriftLevel
    since: Time
    #: change of the mean squared error, measured or expected; above 0 is worse
    effect: float
    reason: str


class BackfillFinished(EventBody):
    """An import has ended; `hearth.jobs.status` has its summary."""

    job_id: str
    state: Literal["finished", "failed"]


class EventWithdrawn(EventBody):
    """The place of an event about a person who was erased since: without content, so that the stream has no gaps."""


class OutboundEvent(Published):
    """An event as every receiver gets it: pulled, posted to a webhook, or as the keyword arguments of a task."""

    event_id: str
    #: from 1, without gaps, for each tenant; the cursor of `hearth.outbound.pull`
    sequence: Count
    #: the older name of `sequence`
    cursor: Count
    tenant_id: str
    #: one of EVENT_TYPES; a later version may tell events of other types
    type: str
    #: the lead that it is about; null where it is about none, or several
    lead_id: str | None
    #: the id under which the CRM knows that lead, and its system; null where there is none, or the lead was forgotten
    external_id: str | None
    source_system: str | None
    created_at: Time
    #: the older name of `created_at`
    at: Time
    #: the body, whose schema is that of the type
    data: dict[str, Any]


#: type of an event -> the model of its body
EVENT_TYPES: Mapping[str, type[EventBody]] = MappingProxyType(
    {
        "assessment.completed": AssessmentCompleted,
        "band.changed": BandChanged,
        "threshold.crossed": ThresholdCrossed,
        "risk.changed": RiskChanged,
        "scores.refreshed": ScoresRefreshed,
        "consent.refused": ConsentRefused,
        "consent.doubtful": ConsentDoubtful,
        "consent.reread": ConsentReread,
        "lead.forgotten": LeadForgotten,
        "lead.corrected": LeadCorrected,
        "action.planned": ActionPlanned,
        "action.withdrawn": ActionWithdrawn,
        "plan.waiting": PlanWaiting,
        "intervention.paused": InterventionPaused,
        "intervention.resumed": InterventionResumed,
        "model.drifted": ModelDrifted,
        "model.promoted": ModelPromoted,
        "model.waiting": ModelWaiting,
        "model.refused": ModelRefused,
        "model.rolled_back": ModelRolledBack,
        "backfill.finished": BackfillFinished,
        "event.withdrawn": EventWithdrawn,
    }
)


def faults(kind: str, body: Mapping[str, Any]) -> list[str]:
    """Return the places of a body, as it goes over the wire, that do not fit the model of its type; never a value."""
    model = EVENT_TYPES.get(kind)
    if model is None:
        return ["the type is not in EVENT_TYPES"]
    try:
        model.model_validate(dict(body))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        return [f"{'.'.join(map(str, detail['loc']))}: {detail['type']}" for detail in details]
    return []
