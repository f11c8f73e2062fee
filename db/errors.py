# ruff: noqa: N818  # names say the fact
"""The errors of the database layer; no error of SQLAlchemy leaves a transaction.

DatabaseError
├── DatabaseUnavailable     transient: try again later
│   ├── DatabaseBusy        it answers, but the rows are locked by others, or the statement took too long
│   └── KeysForeign         the key ring does not open this database: transient until the right one is back
├── SchemaOutdated          tables are missing: run `hearth migrate`
├── StatementRefused        the database refused a statement: a bug of ours
│   └── ReferenceGone       a referenced row was deleted meanwhile: try again
├── InvalidDatabaseUrl
├── DatabaseNotConfigured   `db.session.configure` was not called
├── UnstorableValue         a value that no column may hold
│   └── NaiveTime           a time without zone
├── SealError
│   ├── InvalidKeyRing
│   └── SealBroken          sealed bytes were changed, moved or belong to another key or tenant
├── KeyConflict             an idempotency key came again with other arguments
├── ApiKeyEnded             a key of the gateway that is not good any more, so it cannot be rotated
├── FenceLost               another worker took the lease over: work under it must not be committed
└── UnknownRecord           not there, or another tenant's: the answer is the same
    ├── UnknownTenant
    ├── UnknownLead
    ├── UnknownSnapshot
    ├── UnknownModel
    ├── UnknownBackfill
    ├── UnknownAssessment
    ├── UnknownStudy
    ├── UnknownRetraining
    └── UnknownApiKey
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.exc import DontWrapMixin


class DatabaseError(Exception):
    """Root of all errors of this layer."""


class DatabaseUnavailable(DatabaseError):
    """The database does not answer, is locked, full, read-only or out of connections; a later try may succeed."""


class KeysForeign(DatabaseUnavailable):
    """The key ring is not the one that sealed this database; nothing is read or written until it is."""


class DatabaseBusy(DatabaseUnavailable):
    """The database answers, but the rows are locked or the statement took too long; other work may go on."""


class SchemaOutdated(DatabaseError):
    """A table or column is missing."""


class StatementRefused(DatabaseError):
    """The database refused a statement; no retry will help."""


class ReferenceGone(StatementRefused):
    """A referenced row is not there (any more); a retry reads what is there now."""


class InvalidDatabaseUrl(DatabaseError):
    """The URL names no database that Hearth can use."""


class DatabaseNotConfigured(DatabaseError):
    """A session was opened before `db.session.configure`."""


class UnstorableValue(DatabaseError, DontWrapMixin):
    """A value that no column may hold, such as NaN in JSON."""


class NaiveTime(UnstorableValue):
    """A time without zone; Hearth keeps aware times only."""


class SealError(DatabaseError, DontWrapMixin):
    """Root of all errors of encryption."""


class InvalidKeyRing(SealError):
    """The text is not a key ring."""


class SealBroken(SealError):
    """Sealed bytes do not open: changed, moved, another tenant's, or sealed with a key that the ring does not hold."""


class KeyConflict(DatabaseError):
    """An idempotency key was used before with other arguments."""


class ApiKeyEnded(DatabaseError):
    """A key was revoked, replaced, or has expired."""


class FenceLost(DatabaseError):
    """Another worker took the lease over; nothing done under the old fence may be committed."""


class UnknownRecord(DatabaseError):
    """The record does not exist for this tenant."""


class UnknownTenant(UnknownRecord):
    """No tenant of this id."""


class UnknownLead(UnknownRecord):
    """Some leads do not exist; `positions` are their positions in the request, from 0."""

    def __init__(self, positions: Sequence[int] = ()) -> None:
        self.positions = tuple(positions)
        shown = ", ".join(str(position) for position in self.positions[:10])
        more = " …" if len(self.positions) > len(self.positions[:10]) else ""
        super().__init__(f"unknown lead at position {shown}{more}" if shown else "unknown lead")


class UnknownSnapshot(UnknownRecord):
    """No such snapshot."""


class UnknownModel(UnknownRecord):
    """No such model version."""


class UnknownBackfill(UnknownRecord):
    """No such backfill or chunk."""


class UnknownAssessment(UnknownRecord):
    """No such assessment, or no such stage of it."""


class UnknownRetraining(UnknownRecord):
    """The retraining is not there for this tenant."""


class UnknownStudy(UnknownRecord):
    """No such search for hyperparameters."""


class UnknownApiKey(UnknownRecord):
    """No such key of the gateway."""
