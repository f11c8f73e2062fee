"""Requests of `hearth.privacy.*`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from domain.channels import ConsentChannel
from tasks.contracts.base.request import Identifier, Part, Request, ShortText
from tasks.contracts.system import Upkeep


class SourceId(Part):
    """An id by which a source knows a person; plain text means the id in any source."""

    external_id: ShortText
    source_system: ShortText | None = None


def _as_source_id(value: Any) -> Any:
    return {"external_id": value} if isinstance(value, str) else value


class Person(Request):
    """A person: our id, or ids of sources that all belong to the same person."""

    lead_id: Identifier | None = None
    external_ids: (
        Annotated[list[Annotated[SourceId, BeforeValidator(_as_source_id)]], Field(min_length=1, max_length=20)] | None
    ) = None
    #: the reason, as one of the operator's codes such as `request`; no personal data
    reason: ShortText = "request"

    @model_validator(mode="after")
    def _one_of(self) -> Person:
        if (self.lead_id is None) == (self.external_ids is None):
            raise PydanticCustomError("missing_one", "give lead_id or external_ids, one of the two")
        return self

    def identities(self) -> list[tuple[str | None, str]]:
        """Return (source system or None, id) of each id that was sent."""
        return [(source_id.source_system, source_id.external_id) for source_id in self.external_ids or ()]


class ExportPerson(Person):
    """Write everything that is stored about a person to a file."""


class ForgetPerson(Person):
    """Erase a person; the same request again returns the result of the first."""


class Compact(Upkeep):
    """Rewrite the broker's append-only file after an erasure, since it still holds the erased data until then."""

    #: when the erasure ended
    since: AwareDatetime


class RestrictPerson(Person):
    """Restrict processing of a person's data, or allow it again."""

    #: True: nothing more is computed (Art. 18); False: somebody reviewed the case and allows it
    restricted: bool | None = None
    #: True: the person objects to automated decisions (Art. 21, 22); False: somebody reviewed the objection
    objected: bool | None = None
    #: who reviewed it; required to allow processing again
    actor: Identifier | None = None

    @model_validator(mode="after")
    def _reviewed(self) -> RestrictPerson:
        changes = (self.restricted, self.objected)
        if changes == (None, None):
            raise PydanticCustomError("missing_one", "give restricted or objected")
        if False in changes and self.actor is None:
            raise PydanticCustomError("missing_one", "lifting takes a person's review: name them as actor")
        return self


class ReadmitPerson(Request):
    """Allow a forgotten person to be imported again."""

    erasure_id: Identifier
    #: who decided it
    actor: Identifier


class ConsentLedger(Request):
    """Read the consent ledger of one lead: what was agreed to and what was refused."""

    lead_id: Identifier


class OpenDoubts(Request):
    """List leads of which a person must decide whether they refused contact."""

    assigned_to: ShortText | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class DecideConsent(Request):
    """Decide whether a lead in doubt refused contact; what it clearly refused stays refused."""

    lead_id: Identifier
    decision: Literal["refused", "open"]
    #: channels that it refused; if left out, those in doubt
    channels: Annotated[list[ConsentChannel], Field(min_length=1, max_length=5)] | None = None
    #: who read it and decided
    actor: Identifier


class RereadLeads(Upkeep):
    """Read stored leads again with newer refusal readers; without a tenant, start it for all that wait."""

    def needs_tenant(self) -> bool:
        """Return whether a tenant is named."""
        return self.tenant_id is not None

    def lease_name(self) -> str | None:
        """Return the lease that allows one run per tenant at a time."""
        return None if self.tenant_id is None else "reread"
