"""The base of what Hearth tells others: bodies of events and data of answers, each with a published JSON Schema.

A later version may tell more, so the published schema allows keys that it does not name. Hearth's own tests do not: a
key that no model names is an error there.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


def _allow_later_keys(schema: dict[str, Any]) -> None:
    schema.pop("additionalProperties", None)


class Published(BaseModel):
    """A part of an answer or of an event, as JSON: times are text in ISO 8601, in UTC."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        # most processes use few of them
        defer_build=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        json_schema_extra=_allow_later_keys,
    )


#: a moment, as text in JSON
Time = Annotated[AwareDatetime, Field(strict=False)]
Probability = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
