"""Requests of `hearth.leads.*`: the canonical lead as JSON."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from domain.leads import LeadType, MergePolicy, OpportunityStatus, Preapproval, Timeline
from domain.purposes import Purpose
from domain.scores import Band
from tasks.contracts.base.lead_reference import LeadReference, LeadReferences
from tasks.contracts.base.request import Identifier, Part, PastTime, Request, ShortText

Name = Annotated[str, StringConstraints(max_length=255, strip_whitespace=True)]
Email = Annotated[
    str, StringConstraints(max_length=254, strip_whitespace=True, to_lower=True, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
]
Phone = Annotated[str, StringConstraints(max_length=40, pattern=r"^\+?[0-9][0-9 ().\-]{5,}$")]
Amount = Annotated[float, Field(ge=0, le=1e12)]
Count = Annotated[int, Field(ge=0, le=10_000_000)]
#: text of a lead; a NUL in it is removed before it is stored
LeadText = Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)]
CustomName = Annotated[str, StringConstraints(min_length=1, max_length=120)]
CustomText = Annotated[str, StringConstraints(max_length=1000)]


class LeadIn(Part):
    """One lead in the canonical columns of the contract; a column that is left out changes nothing."""

    source_system: LeadText = "crm"
    external_id: LeadText | None = None
    email: Email | None = None
    phone: Phone | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    full_name: Name | None = None
    lead_type: LeadType | None = None
    stage: LeadText | None = None
    pipeline: LeadText | None = None
    opportunity_id: LeadText | None = None
    opportunity_status: OpportunityStatus | None = None
    lost_reason: LeadText | None = None
    deal_value: Amount | None = None
    source: LeadText | None = None
    campaign: LeadText | None = None
    tags: Annotated[list[LeadText], Field(max_length=200)] | None = None
    created_at: PastTime | None = None
    last_activity_at: PastTime | None = None
    last_contacted_at: PastTime | None = None
    last_replied_at: PastTime | None = None
    closed_at: PastTime | None = None
    stage_changed_at: PastTime | None = None
    budget_min: Amount | None = None
    budget_max: Amount | None = None
    timeline: Timeline | None = None
    preapproval: Preapproval | None = None
    property_type: LeadText | None = None
    beds_min: Amount | None = None
    baths_min: Amount | None = None
    locations: Annotated[list[LeadText], Field(max_length=50)] | None = None
    emails_sent: Count | None = None
    emails_opened: Count | None = None
    emails_clicked: Count | None = None
    sms_in: Count | None = None
    sms_out: Count | None = None
    calls: Count | None = None
    listing_views: Count | None = None
    saved_listings: Count | None = None
    saved_searches: Count | None = None
    searches: Count | None = None
    showings: Count | None = None
    offers: Count | None = None
    site_visits: Count | None = None
    opt_in_email: bool | None = None
    opt_in_sms: bool | None = None
    opt_in_call: bool | None = None
    dnd_all: bool | None = None
    dnd_email: bool | None = None
    dnd_sms: bool | None = None
    dnd_call: bool | None = None
    unsubscribed_at: PastTime | None = None
    assigned_to: LeadText | None = None
    timezone: LeadText | None = None
    state: LeadText | None = None
    as_of: PastTime | None = None
    label: bool | None = None
    label_at: PastTime | None = None
    #: the tenant's custom columns
    custom: dict[CustomName, float | CustomText] = Field(default_factory=dict, max_length=400)


class UpsertLeads(Request):
    """Create or update leads."""

    leads: Annotated[list[LeadIn], Field(min_length=1, max_length=1000)]
    policy: MergePolicy = "overwrite"


class ScoreLeads(LeadReferences):
    """Score leads: the calibrated probability of each, with reasons."""

    WAYS: ClassVar = (*LeadReferences.WAYS, "lead")

    #: a lead that is sent along and not stored
    lead: LeadIn | None = None
    as_of: PastTime | None = None
    explain: Annotated[int, Field(ge=0, le=10)] = 3


class PersonalizeLead(LeadReference):
    """Tell how to speak to one lead: tone, stage, channel, hours, guide, talking points and one suggestion."""

    WAYS: ClassVar = (*LeadReference.WAYS, "lead")

    #: a lead that is sent along and not stored
    lead: LeadIn | None = None
    #: what it is asked for; adds what to do and to avoid there
    purpose: Purpose | None = None
    as_of: PastTime | None = None


class WorklistRequest(Request):
    """List today's calls in order."""

    assigned_to: ShortText | None = None
    #: number of calls; if left out the agent's own capacity, else 20
    capacity: Annotated[int, Field(ge=1, le=200)] | None = None
    #: also say of each lead what would change its score; it takes longer
    what_if: bool = False


class CardRequest(LeadReference):
    """Show an agent everything about one lead."""

    #: also say what would change the score; it takes longer
    what_if: bool = False


class ExplainScore(LeadReference):
    """Say what would change a stored answer about a lead, and what became of closed leads like it."""

    #: lead_score, churn …
    kind: ShortText = "lead_score"
    #: a stored answer of this lead, in place of the newest one of the kind
    prediction_id: Identifier | None = None
    #: similar leads that are named
    similar: Annotated[int, Field(ge=0, le=20)] = 5


class OverrideScore(LeadReference):
    """Replace the score of a lead by a person's judgement, until that is withdrawn."""

    actor: ShortText
    band: Band | None = None
    probability: Annotated[float, Field(gt=0, lt=1)] | None = None
    reason: Literal["knows_better", "met_in_person", "wrong_facts", "agreed", "not_serious", "duplicate", "other"] = (
        "knows_better"
    )

    @model_validator(mode="after")
    def _one_of(self) -> OverrideScore:
        if (self.band is None) == (self.probability is None):
            raise PydanticCustomError("missing_one", "give band or probability, one of the two")
        return self


class WithdrawOverride(LeadReference):
    """Withdraw an override, so that the score counts again."""

    actor: ShortText


class MarkScore(Request):
    """Record whether a score is right, as somebody who knows the lead judges it."""

    prediction_id: Identifier
    actor: ShortText
    verdict: Literal["wrong", "right"] = "wrong"
    reason: Literal["too_high", "too_low", "wrong_facts", "other"] = "other"


class ScoreHistory(LeadReference):
    """List the scores of a lead, newest first."""

    limit: Annotated[int, Field(ge=1, le=100)] = 30
    #: only scores as of earlier moments
    before: PastTime | None = None
