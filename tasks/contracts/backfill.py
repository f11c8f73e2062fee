"""Requests of `hearth.backfill.*`."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from domain.leads import MergePolicy
from tasks.contracts.base.request import Identifier, Request, ShortText, Storable
from tasks.contracts.base.wire import digest
from tasks.contracts.tenants import Zone


def _without_nul(value: dict[str, Any]) -> dict[str, Any]:
    if "\\u0000" in json.dumps(value):
        raise PydanticCustomError("type", "a key or a text in it holds a NUL, which no database keeps; leave it out")
    return value


class BackfillCsv(Request):
    """Import a CSV file that the workers may read: below HEARTH_IMPORT_DIRS, or handed over by the command line."""

    #: path or file:// address; after a `#` the token of a hand-over
    uri: Annotated[str, StringConstraints(min_length=1, max_length=4096), Storable]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    #: what a row of the file is
    kind: Literal["leads", "events"] = "leads"
    #: the system that wrote the file; `auto` recognises it by the header
    profile: ShortText = "auto"
    #: a mapping file's content as an object
    mapping: Annotated[dict[str, Any], AfterValidator(_without_nul)] | None = None
    #: reconcile: report the differences between the file and the store; write nothing, and treat the file as right
    mode: Literal["preview", "dry_run", "reconcile", "commit"] = "commit"
    policy: MergePolicy = "fill_blanks"
    timezone: Zone | None = None
    #: share of rejected rows above which the import stops
    max_error_rate: Annotated[float, Field(ge=0, le=1)] = 0.2
    #: with commit: archive leads of the file's source systems that are not in the file
    archive_missing: bool = False
    #: continue the same unfinished import, or answer with the result of the finished one
    resume: bool = True

    def lease_name(self) -> str | None:
        """Return the lease by which one worker at a time starts the same import; None for a preview."""
        if self.mode == "preview":
            return None
        payload = self.model_dump(mode="json", exclude={"idempotency_key", "request_id", "contract"})
        # the same file handed over twice is the same import
        return digest({**payload, "uri": self.uri.partition("#")[0]})

    def needs_tenant(self) -> bool:
        """Return False for a preview, which stores nothing and does not read the database."""
        return self.mode != "preview"


class ChunkCall(Request):
    """Import one chunk of a file."""

    backfill_id: Identifier
    number: Annotated[int, Field(ge=0, le=2**31 - 1)]


class FinishCall(Request):
    """Finish an import."""

    backfill_id: Identifier
    #: too many rows were rejected: do not import the chunks that have not begun
    abort: bool = False
