"""CSV imports, their chunks, and the rows that were rejected or compared."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from domain.documents import JsonObject

_PENDING = text("state = 'pending'")
_RUNNING = text("state = 'running'")
_LIVE = text("state IN ('running', 'finished')")


class Backfill(Base):
    """One import of one file; at most one import with the same `key` is running or finished."""

    __tablename__ = "backfills"
    __table_args__ = (
        Index(
            "uq_backfills_live_key",
            "tenant_id",
            "key",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
        Index("ix_backfills_running", "created_at", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    )

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    backfill_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    sha256: Mapped[str]
    file_name: Mapped[str]
    spool: Mapped[str]
    mode: Mapped[str]
    policy: Mapped[str]
    profile: Mapped[str]
    source: Mapped[JsonObject]
    state: Mapped[str]
    chunks: Mapped[int]
    remaining: Mapped[int]
    error: Mapped[str | None]
    error_file: Mapped[str | None]
    summary: Mapped[JsonObject | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class BackfillChunk(Base):
    """A range of records of the spooled file."""

    __tablename__ = "backfill_chunks"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "backfill_id"], ["backfills.tenant_id", "backfills.backfill_id"], ondelete="CASCADE"
        ),
        Index("ix_backfill_chunks_pending", "enqueued_at", sqlite_where=_PENDING, postgresql_where=_PENDING),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    backfill_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    offset: Mapped[int] = mapped_column(BigInteger)
    first_record: Mapped[int]
    first_line: Mapped[int]
    records: Mapped[int]
    state: Mapped[str]
    counts: Mapped[JsonObject]
    error: Mapped[str | None]
    finished_at: Mapped[datetime | None]
    #: number of times that work on it began
    attempts: Mapped[int] = mapped_column(server_default="0")
    #: database time, like the lease
    enqueued_at: Mapped[datetime | None]
    leased_until: Mapped[datetime | None]


class RejectedEntry(Base):
    """A row that was rejected, or a row with a cell that was; the original cells are sealed."""

    __tablename__ = "rejected_rows"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "backfill_id", "number"],
            ["backfill_chunks.tenant_id", "backfill_chunks.backfill_id", "backfill_chunks.number"],
            ondelete="CASCADE",
        ),
        Index(None, "tenant_id", "backfill_id", "record"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    backfill_id: Mapped[str] = mapped_column(primary_key=True)
    #: the chunk's number
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: counted within the chunk
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[int]
    record: Mapped[int]
    severity: Mapped[str]
    code: Mapped[str]
    column: Mapped[str | None]
    message: Mapped[str]
    cells: Mapped[bytes]


class ComparedRow(Base):
    """The difference between file and store for one lead, while they are compared; deleted at the import's end."""

    __tablename__ = "compared_rows"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "backfill_id"], ["backfills.tenant_id", "backfills.backfill_id"], ondelete="CASCADE"
        ),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    backfill_id: Mapped[str] = mapped_column(primary_key=True)
    #: the lead's id, or the file's own key of a lead that is not stored; the first row of each counts
    key: Mapped[str] = mapped_column(primary_key=True)
    what: Mapped[str]
    lead_id: Mapped[str | None]
    source_system: Mapped[str]
    external_id: Mapped[str | None]
    line: Mapped[int | None]
    columns: Mapped[list[str]]
