"""Requests of `hearth.privacy.*`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from domain.channels import ConsentChannel
from tasks.contracts.base.lead_reference import LeadReference
from tasks.contracts.base.request import Identifier, Part, Request, ShortText
from tasks.contracts.leads import Email, LeadIn, Name
from tasks.contracts.system import Upkeep

#: a phone number, however it is written
WrittenPhone = Annotated[str, StringConstraints(max_length=40, pattern=r"^[+(]?[0-9][0-9 ().\-/]{5,}$")]
#: columns that are no facts about a person, and where each is changed instead
CHANGED_ELSEWHERE = {
    **dict.fromkeys(("source_system", "external_id", "as_of"), "this says who and when; it is not a fact to correct"),
    **dict.fromkeys(
        ("label", "label_at", "opportunity_status", "closed_at", "lost_reason"),
        "this is an outcome; record it with hearth.outcomes.record, or change it in the CRM",
    ),
    **dict.fromkeys(
        ("stage", "stage_changed_at", "pipeline", "opportunity_id", "assigned_to", "tags"),
        "this is the CRM's own state and moves on; change it in the CRM",
    ),
    **dict.fromkeys(
        (
            *("opt_in_email", "opt_in_sms", "opt_in_call", "dnd_all", "dnd_email", "dnd_sms", "dnd_call"),
            "unsubscribed_at",
        ),
        "this is consent; send a new statement, or decide a doubt with hearth.privacy.decide",
    ),
}


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
    #: one id of a source instead of a list
    external_id: ShortText | None = None
    #: the system of `external_id`; the id in any source if left out
    source_system: ShortText | None = None
    #: the reason, as one of the operator's codes such as `request`; no personal data
    reason: ShortText = "request"

    @model_validator(mode="after")
    def _one_of(self) -> Person:
        if sum(given is not None for given in (self.lead_id, self.external_ids, self.external_id)) != 1:
            raise PydanticCustomError("missing_one", "give lead_id, external_ids or external_id, exactly one of them")
        if self.source_system is not None and self.external_id is None:
            raise PydanticCustomError("missing_one", "source_system says whose id it is: give it with external_id")
        return self

    def identities(self) -> list[tuple[str | None, str]]:
        """Return (source system or None, id) of each id that was sent."""
        if self.external_id is not None:
            return [(self.source_system, self.external_id)]
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


class FindPerson(Request):
    """Find people by an e-mail address or a phone number, exactly; the answer has ids and states only."""

    email: Email | None = None
    phone: WrittenPhone | None = None
    #: finds a person who was forgotten, of whom only the hash of number and last name is left
    last_name: Name | None = None
    #: who searches
    actor: Identifier

    @model_validator(mode="after")
    def _one_of(self) -> FindPerson:
        if (self.email is None) == (self.phone is None):
            raise PydanticCustomError("missing_one", "give email or phone, one of the two")
        return self


class CorrectPerson(Person):
    """Correct stored facts of one lead (Art. 16 GDPR): what the sources send again of the old values is refused."""

    #: the right values, in the columns of a lead; null removes a value
    fields: LeadIn
    #: who corrects
    actor: Identifier

    def removed(self) -> frozenset[str]:
        """Return the columns whose value is removed."""
        return frozenset(name for name in self.fields.model_fields_set if getattr(self.fields, name) is None)


class ReadmitPerson(Request):
    """Allow a forgotten person to be imported again."""

    erasure_id: Identifier
    #: who decided it
    actor: Identifier


class ConsentLedger(LeadReference):
    """Read the consent ledger of one lead: what was agreed to and what was refused."""


class OpenDoubts(Request):
    """List leads of which a person must decide whether they refused contact."""

    assigned_to: ShortText | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class DecideConsent(LeadReference):
    """Decide whether a lead in doubt refused contact; what it clearly refused stays refused."""

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
