"""Requests of `hearth.tenants.*`."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from db.privacy import Category
from domain.channels import ActionChannel
from domain.crms import DEFAULT_CRM, ActionCrm
from domain.interventions import ActionName
from domain.scores import HOT, WARM
from tasks.contracts.base.destinations import QueueName, TaskName
from tasks.contracts.base.request import Identifier, Part, Request, ShortText, Storable
from tasks.contracts.interventions import Budget


@cache
def _zones() -> frozenset[str]:
    # cached, because listing them opens every zone file of the system: 50 ms
    return frozenset(available_timezones())


def _known_zone(value: str) -> str:
    if value not in _zones():
        raise PydanticCustomError("unknown_value", "is no IANA time zone; write it like America/New_York")
    return value


Zone = Annotated[str, AfterValidator(_known_zone)]
Share = Annotated[float, Field(gt=0, lt=1)]
Days = Annotated[float, Field(gt=0, le=365)]
Calls = Annotated[int, Field(ge=0, le=200)]
AskBefore = Literal["first_and_large", "large", "never"]
Vertical = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_\-]{0,39}$")]


class Bands(Part):
    """The probabilities at which warm and hot begin."""

    hot: Share = HOT
    warm: Share = WARM

    @model_validator(mode="after")
    def _ordered(self) -> Bands:
        if self.warm >= self.hot:
            raise PydanticCustomError("range", "warm must lie below hot")
        return self


class Threshold(Part):
    """A score threshold with hysteresis: entered at one value, left at a lower one, so that alerts do not flap."""

    enter: Share
    leave: Share

    @model_validator(mode="after")
    def _ordered(self) -> Threshold:
        if self.leave > self.enter:
            raise PydanticCustomError("range", "leave must not lie above enter")
        return self


class Worth(Part):
    """The worth of a closed deal to the tenant, in its own figures; without them no amount of money is ever shown."""

    #: share of the price that the tenant keeps
    commission: Share
    #: price of a deal whose price is not known
    typical_price: Annotated[float, Field(gt=0, le=1e12)] | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"


class Capacity(Part):
    """Calls that can be made per day."""

    #: for an agent who is not named below
    default: Calls = 20
    agents: Annotated[dict[ShortText, Calls], Field(max_length=2000)] = Field(default_factory=dict)


class QuietHours(Part):
    """The local hours between which a lead may be contacted; legal limits also apply."""

    start: Annotated[float, Field(ge=0, le=24)] = 9
    end: Annotated[float, Field(ge=0, le=24)] = 20

    @model_validator(mode="after")
    def _ordered(self) -> QuietHours:
        if self.start >= self.end:
            raise PydanticCustomError("range", "start must lie before end")
        return self


class Caps(Part):
    """The most contacts of one lead, over all channels."""

    per_day: Annotated[int, Field(ge=0, le=10)] = 1
    per_week: Annotated[int, Field(ge=0, le=50)] = 3


class Interventions(Part):
    """Settings of interventions; a setting that is left out keeps its value, null restores the default."""

    #: True: nothing is planned or dispatched, and waiting actions are withdrawn
    kill_switch: bool | None = None
    #: share of leads that get a plan but no action, so that the effect can be measured
    holdout: Annotated[float, Field(ge=0, le=0.5)] | None = None
    #: risk from which a lead gets actions, and risk below which it gets none any more
    enter: Share | None = None
    leave: Share | None = None
    #: days after an action in which a lead gets no other
    cooldown_days: Annotated[float, Field(ge=0, le=365)] | None = None
    #: total cost of the actions planned within 24 hours; null: 2,400
    budget: Budget | None = None
    #: which plans wait for a person's yes; null: the first one, and those larger than `largest_plan_share`
    ask_before: AskBefore | None = None
    #: share of the open leads for which actions may go out within 24 hours without a person's yes; null: 0.1
    largest_plan_share: Share | None = None
    #: null: all of them
    allowed_actions: Annotated[list[ActionName], Field(max_length=30)] | None = None
    #: what an action costs the tenant
    costs: dict[ActionName, Budget] | None = None
    #: channels whose actions a person must approve first
    approval: Annotated[list[ActionChannel], Field(max_length=4)] | None = None
    caps: Caps | None = None
    #: channels for which the brokerage attests the consent of leads that refused nothing; it keeps the proof
    attested: Annotated[list[Literal["call", "email"]], Field(max_length=2)] | None = None
    quiet_hours: QuietHours | None = None
    #: action -> id of the CRM's workflow that carries it out
    workflows: dict[ActionName, Identifier] | None = None
    #: action -> tag that the CRM sets for it
    tags: dict[ActionName, ShortText] | None = None
    #: users of the CRM: who gets escalations, and who gets leads that are reassigned
    users: dict[Literal["manager", "reassign_to"], Identifier] | None = None
    #: resource of the CRM -> API version to request
    versions: (
        dict[
            Literal["contacts", "workflows", "conversations"],
            Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")],
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _ordered(self) -> Interventions:
        if self.enter is not None and self.leave is not None and self.leave > self.enter:
            raise PydanticCustomError("range", "leave must not lie above enter")
        return self


class Sender(Part):
    """Whether the sender, a process of its own, carries out this tenant's actions in its CRM; given as a whole."""

    enabled: bool = False
    #: the CRM to which it sends
    crm: ActionCrm = DEFAULT_CRM
    #: whether it writes score, band, reason and next action into the fields that `custom_fields` maps to `ml:…`
    write_back: bool = True
    #: seconds in which the fields of a lead are written once
    debounce_seconds: Annotated[int, Field(ge=0, le=86_400)] = 60
    #: True: it prints what it would send, and sends nothing
    dry_run: bool = False


class CallbackTask(Part):
    """Send events to a task on the CRM's own queue."""

    kind: Literal["celery"]
    task: TaskName
    #: the CRM's own queue: none of Hearth's, and no name that the broker reserves
    queue: QueueName


class CallbackWebhook(Part):
    """Post events to an address, signed with a shared secret."""

    kind: Literal["webhook"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$", max_length=2000), Storable]
    secret: Annotated[str, StringConstraints(min_length=16, max_length=200), Storable]


class CallbackPull(Part):
    """Keep events until the CRM pulls them."""

    kind: Literal["pull"]


class TenantSettings(Part):
    """Settings of a tenant; a setting that is left out keeps its value."""

    name: ShortText | None = None
    timezone: Zone | None = None
    bands: Bands | None = None
    #: stage -> days of silence after which a lead counts as silent
    silence_days: dict[ShortText, Days] | None = None
    #: seconds for which the score of an unchanged lead stays valid
    scoring_interval: Annotated[int, Field(ge=60, le=86_400)] | None = None
    #: stage of a CRM's pipeline, by its id, or by its name when events have no id -> our stage
    stages: Annotated[dict[ShortText, ShortText], Field(max_length=500)] | None = None
    #: id or name of a CRM's custom field -> canonical column, a name of your own, or `ml:…` for what we write back
    custom_fields: Annotated[dict[ShortText, ShortText], Field(max_length=1000)] | None = None
    #: what makes leads of different ids one: `email`, or `phone` with last name; left out: nothing, since couples share
    merge_on: Annotated[list[Literal["email", "phone"]], Field(max_length=2)] | None = None
    #: category of data -> days it is kept; only values below the default have an effect
    retention_days: dict[Category, Annotated[int, Field(ge=1, le=36_500)]] | None = None
    #: name -> score threshold whose crossing is reported as an event; `hot` if left out
    thresholds: Annotated[dict[ShortText, Threshold], Field(max_length=10)] | None = None
    #: seconds in which entering the same threshold again is not reported
    threshold_cooldown: Annotated[int, Field(ge=0, le=31_536_000)] | None = None
    #: share of leads whose band a new model may change before a person is asked; 0.3 if left out
    max_band_changes: Annotated[float, Field(gt=0, le=1)] | None = None
    #: days of the newest labels that one challenger of a retraining learns from; 180 if left out
    retraining_days: Annotated[int, Field(ge=7, le=3650)] | None = None
    worth: Worth | None = None
    capacity: Capacity | None = None
    #: the pooled model of several tenants of a vertical: off, use it, or use it and contribute own data
    pool: Literal["off", "use", "share"] | None = None
    vertical: Vertical | None = None
    interventions: Interventions | None = None
    sender: Sender | None = None
    #: where events of the outbound stream go
    callback: Annotated[CallbackTask | CallbackWebhook | CallbackPull, Field(discriminator="kind")] | None = None


class ConfigureTenant(Request):
    """Create a tenant or change its settings; each change is a new version."""

    settings: TenantSettings = TenantSettings()
    actor: ShortText = "api"

    def needs_tenant(self) -> bool:
        """Return False: the task creates the tenant."""
        return False


class DeleteTenant(Request):
    """Delete a tenant with everything that is stored of it; it cannot be undone."""

    #: who decided it
    actor: Identifier
    #: the tenant's id again, so that no slip deletes anybody; a dry run needs none
    confirm: ShortText | None = None

    def needs_tenant(self) -> bool:
        """Return False: a deletion that is under way goes on when the tenant is unknown already."""
        return False

    @model_validator(mode="after")
    def _confirmed(self) -> DeleteTenant:
        if not self.dry_run and self.confirm != self.tenant_id:
            raise PydanticCustomError("missing_one", "confirm must repeat the tenant's id; or ask for a dry run")
        return self


class TenantReadiness(Request):
    """Report which tasks can give results now, and which data is missing."""
