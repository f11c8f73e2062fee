"""Requests of `hearth.backfill.*`."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from tasks.contracts.base.request import Identifier, Request, ShortText, Storable
from tasks.contracts.base.wire import digest
from tasks.contracts.tenants import Zone


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    if "\\u0000" in json.dumps(value):
        raise PydanticCustomError("type", "a key or a text in it holds a NUL, which no database keeps; leave it out")
    return value


class BackfillCsv(Request):
    """Import a CSV file that the workers may read: below HEARTH_IMPORT_DIRS, or handed over by the command line."""

    #: path or file:// address; behind a `#` the token of a hand-over
    uri: Annotated[str, StringConstraints(min_length=1, max_length=4096), Storable]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    #: what the rows are
    kind: Literal["leads", "events"] = "leads"
    #: whose columns these are; `auto` looks
    profile: ShortText = "auto"
    #: a mapping file's content as an object
    mapping: Annotated[dict[str, Any], AfterValidator(_storable)] | None = None
    #: reconcile: what the file and the store do not share; nothing is written, and the file's values count
    mode: Literal["preview", "dry_run", "reconcile", "commit"] = "commit"
    policy: Literal["fill_blanks", "overwrite", "skip_existing"] = "fill_blanks"
    timezone: Zone | None = None
    #: share of rejected rows above which the import stops
    max_error_rate: Annotated[float, Field(ge=0, le=1)] = 0.2
    #: with commit: leads of the file's source systems that the file does not have are archived
    archive_missing: bool = False
    #: go on with the same unfinished import, or answer with the finished one
    resume: bool = True

    def lease_name(self) -> str | None:
        """The same import is started by one worker at a time; a preview is no import."""
        if self.mode == "preview":
            return None
        told = self.model_dump(mode="json", exclude={"idempotency_key", "request_id", "contract"})
        # the same file handed over twice is the same import
        return digest({**told, "uri": self.uri.partition("#")[0]})

    def needs_tenant(self) -> bool:
        """A preview stores nothing and asks nothing of the database."""
        return self.mode != "preview"


class ChunkCall(Request):
    """One chunk of an import."""

    backfill_id: Identifier
    number: Annotated[int, Field(ge=0, le=2**31 - 1)]


class FinishCall(Request):
    """The end of an import."""

    backfill_id: Identifier
    #: too many rows were rejected: what has not begun is left out
    abort: bool = False
