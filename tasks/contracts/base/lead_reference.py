"""How a request names leads: by our ids, or by the ids under which a source system knows them.

A body always sees our ids: an external id is resolved before it runs (tasks.runtime.lead_references).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from tasks.contracts.base.request import Identifier, Request, ShortText

#: most leads of one message
MOST_LEADS = 1000
LeadIds = Annotated[list[Identifier], Field(min_length=1, max_length=MOST_LEADS)]
ExternalIds = Annotated[list[ShortText], Field(min_length=1, max_length=MOST_LEADS)]


class LeadReference(Request):
    """A request about one lead."""

    #: the fields of which exactly one is given
    WAYS: ClassVar[tuple[str, ...]] = ("lead_id", "external_id")

    #: our id
    lead_id: Identifier | None = None
    #: the id under which a source system knows the lead, instead of ours
    external_id: ShortText | None = None
    #: the system of an external id; it may be left out where only one lead of the tenant has that id
    source_system: ShortText | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(getattr(self, name) is not None for name in self.WAYS) != 1:
            *others, last = self.WAYS
            raise PydanticCustomError("missing_one", f"give {', '.join(others)} or {last}, exactly one of them")
        if self.source_system is not None and not self.external():
            raise PydanticCustomError("missing_one", "source_system says whose id it is: give it with an external id")
        return self

    def external(self) -> list[str]:
        """Return the external ids that the request names; empty where it names leads in another way."""
        return [] if self.external_id is None else [self.external_id]

    def with_lead_ids(self, lead_ids: Sequence[str]) -> Self:
        """Return the request as if it had named these leads by our ids, one for each external id, in their order."""
        sent = self.model_dump(exclude_unset=True, exclude={"external_id", "external_ids", "source_system"})
        named = {"lead_ids": list(lead_ids)} if self.external_id is None else {"lead_id": lead_ids[0]}
        return type(self).model_validate({**sent, **named})

    def the_lead(self) -> str:
        """Return our id of the one lead that the request is about."""
        assert self.lead_id is not None, "an external id is resolved before the body of a task runs"
        return self.lead_id


class LeadReferences(LeadReference):
    """A request about one lead or many."""

    WAYS: ClassVar[tuple[str, ...]] = ("lead_id", "lead_ids", "external_id", "external_ids")

    lead_ids: LeadIds | None = None
    #: ids of one source system, or each of whichever system has it
    external_ids: ExternalIds | None = None

    def external(self) -> list[str]:
        """Return the external ids that the request names, in order."""
        return self.external_ids or super().external()

    def ids(self) -> list[str]:
        """Return our ids of the stored leads that the request names, each once, in order."""
        return list(dict.fromkeys(self.lead_ids or ([self.lead_id] if self.lead_id else [])))
