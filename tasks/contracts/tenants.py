"""Requests of `hearth.tenants.*`."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from db.privacy import Category
from tasks.contracts.base import Part, Request, ShortText


def _known_zone(value: str) -> str:
    if value not in available_timezones():
        raise PydanticCustomError("unknown_value", "is no IANA time zone; write it like America/New_York")
    return value


Zone = Annotated[str, AfterValidator(_known_zone)]
Share = Annotated[float, Field(gt=0, lt=1)]
Days = Annotated[float, Field(gt=0, le=365)]


class Bands(Part):
    """Where warm and hot begin, as probabilities."""

    hot: Share = 0.60
    warm: Share = 0.30

    @model_validator(mode="after")
    def _ordered(self) -> Bands:
        if self.warm >= self.hot:
            raise PydanticCustomError("range", "warm must lie below hot")
        return self


class CallbackTask(Part):
    """Events go to a task on the CRM's own queue."""

    kind: Literal["celery"]
    task: ShortText
    queue: ShortText


class CallbackWebhook(Part):
    """Events are posted to an address, signed with a secret that both know."""

    kind: Literal["webhook"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$", max_length=2000)]
    secret: Annotated[str, StringConstraints(min_length=16, max_length=200)]


class CallbackPull(Part):
    """Events wait until they are asked for."""

    kind: Literal["pull"]


class TenantSettings(Part):
    """Settings of a tenant; what is left out keeps its value."""

    name: ShortText | None = None
    timezone: Zone | None = None
    bands: Bands | None = None
    #: days of silence that are too many, by stage
    silence_days: dict[ShortText, Days] | None = None
    #: scores of an unchanged lead are kept for this many seconds
    scoring_interval: Annotated[int, Field(ge=60, le=86_400)] | None = None
    #: stage of a CRM's pipeline, by its id or, where events tell no id, its name -> our stage
    stages: Annotated[dict[ShortText, ShortText], Field(max_length=500)] | None = None
    #: id or name of a CRM's custom field -> canonical column, a name of your own, or `ml:…` for what we write back
    custom_fields: Annotated[dict[ShortText, ShortText], Field(max_length=1000)] | None = None
    #: days that a kind of data is kept, by category; fewer than the default counts, more does not
    retention_days: dict[Category, Annotated[int, Field(ge=1, le=36_500)]] | None = None
    #: where events of the outbound stream go
    callback: Annotated[CallbackTask | CallbackWebhook | CallbackPull, Field(discriminator="kind")] | None = None


class ConfigureTenant(Request):
    """Create a tenant or change its settings; each change is a new version."""

    settings: TenantSettings = TenantSettings()
    actor: ShortText = "api"

    def needs_tenant(self) -> bool:
        """It makes one."""
        return False


class TenantReadiness(Request):
    """Which answers are possible now and what data is missing."""
