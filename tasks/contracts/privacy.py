"""Requests of `hearth.privacy.*`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from tasks.contracts.base.request import Identifier, Part, Request, ShortText
from tasks.contracts.system import Upkeep


class SourceId(Part):
    """An id under which a source knows somebody; plain text means whichever source."""

    external_id: ShortText
    source_system: ShortText | None = None


def _spelt_out(value: Any) -> Any:
    return {"external_id": value} if isinstance(value, str) else value


class Person(Request):
    """Somebody: our id, or the ids of sources, all of the same person."""

    lead_id: Identifier | None = None
    external_ids: (
        Annotated[list[Annotated[SourceId, BeforeValidator(_spelt_out)]], Field(min_length=1, max_length=20)] | None
    ) = None
    #: why, as a code of the operator's such as `request`; no personal data
    reason: ShortText = "request"

    @model_validator(mode="after")
    def _one_of(self) -> Person:
        if (self.lead_id is None) == (self.external_ids is None):
            raise PydanticCustomError("missing_one", "give lead_id or external_ids, one of the two")
        return self

    def identities(self) -> list[tuple[str | None, str]]:
        """(source system or None, id) of each id given."""
        return [(one.source_system, one.external_id) for one in self.external_ids or ()]


class ExportPerson(Person):
    """Everything that is kept of a person, in a file."""


class ForgetPerson(Person):
    """Erase a person; the same again answers what the first came to."""


class Compact(Upkeep):
    """After an erasure: the broker's append-only file holds it no longer than until it is written anew."""

    #: when the erasure ended
    since: AwareDatetime


class RestrictPerson(Person):
    """Stop, or allow again, that anything is computed of a person and acted on."""

    #: True: nothing is computed any more (Art. 18); False: a person has looked and allows it
    restricted: bool | None = None
    #: True: the person objects to automated decisions (Art. 21, 22); False: somebody has reviewed it
    objected: bool | None = None
    #: who has reviewed it; needed to lift
    actor: Identifier | None = None

    @model_validator(mode="after")
    def _reviewed(self) -> RestrictPerson:
        told = (self.restricted, self.objected)
        if told == (None, None):
            raise PydanticCustomError("missing_one", "give restricted or objected")
        if False in told and self.actor is None:
            raise PydanticCustomError("missing_one", "lifting takes a person's review: name them as actor")
        return self


class ReadmitPerson(Request):
    """Let a person who was forgotten be imported again."""

    erasure_id: Identifier
    #: who has decided it
    actor: Identifier


Channel = Literal["all", "email", "sms", "call", "mail"]


class ConsentLedger(Request):
    """Who agreed to be contacted or refused: the ledger of one lead."""

    lead_id: Identifier


class OpenDoubts(Request):
    """Leads of whom a person is to decide whether they refused."""

    assigned_to: ShortText | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class DecideConsent(Request):
    """Decide of a lead in doubt: it refused, or it did not; what it refused for certain stays as it is."""

    lead_id: Identifier
    decision: Literal["refused", "open"]
    #: of a refusal; those that are in doubt where it is left out
    channels: (
        Annotated[list[Literal["all", "email", "sms", "call", "mail"]], Field(min_length=1, max_length=5)] | None
    ) = None
    #: who has read it and decided
    actor: Identifier


class RereadLeads(Upkeep):
    """Read stored leads again by newer readers of refusals; without a tenant, begin with all that wait."""

    def needs_tenant(self) -> bool:
        """Only for one that is named."""
        return self.tenant_id is not None

    def lease_name(self) -> str | None:
        """One reading a tenant at once."""
        return None if self.tenant_id is None else "reread"
