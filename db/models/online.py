"""What became of scored snapshots, in order, and how far each target's order has come."""

from datetime import datetime

from sqlalchemy import BigInteger, Double, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class OnlineSignal(Base):
    """One label of one scored snapshot for one target; its features are the snapshot's."""

    __tablename__ = "online_signals"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "lead_id"], ["leads.tenant_id", "leads.lead_id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["tenant_id", "snapshot_id"], ["snapshots.tenant_id", "snapshots.snapshot_id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "target", "seq"),
        UniqueConstraint("tenant_id", "snapshot_id", "target", "revision", name="uq_online_signals_snapshot"),
        Index(None, "tenant_id", "lead_id"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    signal_id: Mapped[str] = mapped_column(primary_key=True)
    target: Mapped[str]
    #: the place among the tenant's signals of this target, from 1, in the order of the commits
    seq: Mapped[int] = mapped_column(BigInteger)
    lead_id: Mapped[str]
    snapshot_id: Mapped[str]
    label: Mapped[bool]
    #: 0, and one more for each later label that contradicts the one before
    revision: Mapped[int]
    #: outcome: something happened; matured: the horizon passed
    origin: Mapped[str]
    #: when it happened, else when the horizon ended
    occurred_at: Mapped[datetime]
    #: of the snapshot
    as_of: Mapped[datetime]
    recorded_at: Mapped[datetime]
    #: the batch prediction that was newest when the label came
    served_probability: Mapped[float | None] = mapped_column(Double)
    served_version: Mapped[str | None]


class SignalCounter(Base):
    """The newest place that was given for a target, and up to which snapshot its horizon was looked at."""

    __tablename__ = "signal_counters"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    target: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    #: moment and id of the last snapshot that was looked at; NULL: none was
    matured_at: Mapped[datetime | None]
    matured_id: Mapped[str | None]
